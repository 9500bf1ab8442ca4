import { afterEach, describe, expect, test } from 'vitest';
import { ask, queryFor, refuse } from '../../testing/ask.ts';
import { upstreamCluster } from '../../testing/objects.ts';
import { instanceOf, setUp, testSurroundings } from '../../testing/plugin.ts';
import { addressReply, startUpstream } from '../../testing/upstream.ts';
import { createMetadata } from '../kubernetes/metadata.ts';
import type { KubernetesOptions } from '../kubernetes/options.ts';
import { createRecords } from '../kubernetes/records.ts';
import { rewrite } from '../rewrite/plugin.ts';
import { template } from '../template/plugin.ts';

/** The facts of upstream's plugin/metadata/*_test.go and plugin/kubernetes/metadata_test.go. */

const ends: (() => unknown)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const labelled = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'foo', namespace: 'podns', labels: { 'app.kubernetes.io/name': 'foo', bar: 'baz' } },
  status: { phase: 'Running', podIP: '10.240.0.1', podIPs: [{ ip: '10.240.0.1' }] },
};

describe('kubernetes', () => {
  const labelsOf = (name: string, options: Partial<KubernetesOptions> = {}) => {
    const records = createRecords();
    records.put(labelled);
    const provider = createMetadata(() => records, {
      zones: ['cluster.local.', 'clusterset.local.'],
      multiclusterZones: ['clusterset.local.'],
      zonal: false,
      pods: 'disabled',
      ...options,
    } as KubernetesOptions);
    return Object.fromEntries(
      [...provider(queryFor(name))].map(([label, value]) => [label.replace('kubernetes/', ''), value()]),
    );
  };
  const request = (of: Record<string, string>) => ({
    endpoint: '',
    kind: 'svc',
    namespace: 'ns',
    'port-name': '',
    protocol: '',
    service: 's',
    ...of,
  });
  test.each([
    ['foo.bar.notapod.cluster.local.', { 'parse-error': 'invalid query name' }],
    [
      '10-240-0-1.podns.pod.cluster.local.',
      request({ kind: 'pod', namespace: 'podns', service: '10-240-0-1' }),
    ],
    ['s.ns.svc.cluster.local.', request({})],
    ['_http._tcp.s.ns.svc.cluster.local.', request({ 'port-name': 'http', protocol: 'tcp' })],
    ['ep.s.ns.svc.cluster.local.', request({ endpoint: 'ep' })],
    ['ep.c1.s.ns.svc.clusterset.local.', request({ endpoint: 'ep', cluster: 'c1' })],
    ['example.com.', {}],
  ])('%s', (name, expected) => {
    expect(labelsOf(name)).toEqual(expected);
  });

  test('with pods verified: the pod that asks', () => {
    expect(labelsOf('example.com.', { pods: 'verified' })).toEqual({
      'client-namespace': 'podns',
      'client-pod-name': 'foo',
      'client-label/app.kubernetes.io/name': 'foo',
      'client-label/bar': 'baz',
    });
  });

  test('the topology zone', () => {
    expect(labelsOf('a.pin._zone.s.ns.svc.cluster.local.', { zonal: true })).toEqual(request({ zone: 'a' }));
  });
});

test('log writes labels, with the metadata plugin only', async () => {
  const server = await startUpstream((query) => addressReply(query));
  ends.push(() => server.close());
  const linesOf = async (corefile: string) => {
    const around = testSurroundings({ objects: [...upstreamCluster, labelled] });
    const { listeners, stop } = instanceOf(corefile, around);
    const handler = listeners.get(':53')?.zones.get('.');
    if (!handler) throw new Error('no chain');
    await ask(handler, 'svc1.testns.svc.cluster.local.');
    await ask(handler, 'svc0.testns.svc.cluster.local.');
    await ask(handler, 'example.org.');
    await stop(true);
    return around.lines;
  };
  const corefile = `. {
 metadata
 log . "{/kubernetes/client-pod-name} {/kubernetes/service} {/forward/upstream} {/log/class} {/log/type} {/no/such}"
 kubernetes cluster.local {
  pods verified
 }
 forward . 127.0.0.1:${server.port}
}`;
  expect(await linesOf(corefile)).toEqual([
    '[INFO] foo svc1 - success NOERROR -',
    '[INFO] foo svc0 - denial NXDOMAIN -',
    `[INFO] foo - 127.0.0.1:${server.port} success NOERROR -`,
  ]);
  expect(await linesOf(corefile.replace('metadata', 'any'))).toEqual(Array(3).fill('[INFO] - - - - - -'));
  expect((await linesOf(corefile.replace('metadata', 'metadata example.org')))[0]).toBe('[INFO] - - - - - -');
});

test('rewrite puts a label into an option, template into a record', async () => {
  const metadata = new Map([['kubernetes/client-namespace', () => 'podns']]);
  let seen: string | undefined;
  const rewriting = setUp(rewrite, 'rewrite edns0 local set 0xffee {kubernetes/client-namespace}').before(
    (query) => {
      seen = query.edns?.options[0]?.data.toString();
      return refuse(query);
    },
  );
  await rewriting(queryFor('a.', 'A', { metadata }));
  expect(seen).toBe('podns');
  await rewriting(queryFor('a.'));
  expect(seen).toBeUndefined();
  const filling = setUp(
    template,
    'template IN A {\n answer "{{ .Meta \\"kubernetes/client-namespace\\" }}-{{ .Meta \\"no/such\\" }}{{ .Name }} 60 IN A 10.0.0.1"\n }',
  ).before(refuse);
  expect((await ask(filling, 'a.', 'A', { metadata })).answer).toEqual(['podns-a. 60 IN A 10.0.0.1']);
});
