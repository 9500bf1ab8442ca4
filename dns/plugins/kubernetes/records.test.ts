import { describe, expect, test } from 'vitest';
import { resources } from '../../../api/scheme.ts';
import { startTestApiserver } from '../../../apiserver/testing/apiserver.ts';
import { ask } from '../../testing/ask.ts';
import { externalName, namespace, pod, service, slice } from '../../testing/objects.ts';
import { chainOf, instanceOf } from '../../testing/plugin.ts';
import { createRecords } from './records.ts';
import { parseRequest } from './request.ts';
import { parseLabelSelector } from './selector.ts';

test('a changed object is found under its new names only', () => {
  const records = createRecords();
  records.put(service('ns/a', ['10.0.0.1']));
  records.put(service('ns/a', ['10.0.0.2']));
  expect([...records.servicesByIp('10.0.0.1')]).toEqual([]);
  expect([...records.servicesByIp('10.0.0.2')].map(({ name }) => name)).toEqual(['a']);
  records.put(slice('a-1', 'ns/a', ['10.1.0.1', '10.1.0.2']));
  records.put(slice('a-1', 'ns/a', ['10.1.0.2']));
  expect([...records.slicesByIp('10.1.0.1')]).toEqual([]);
  records.put(slice('a-1', 'ns/b', ['10.1.0.2']));
  expect([...records.slices('a.ns')]).toEqual([]);
  expect([...records.slices('b.ns')]).toHaveLength(1);
  records.delete(slice('a-1', 'ns/b', []));
  records.delete(service('ns/a', []));
  expect([...records.slices('b.ns')]).toEqual([]);
  expect(records.service('a', 'ns')).toBeUndefined();
  expect([...records.servicesByIp('10.0.0.2')]).toEqual([]);
});

test('only ready endpoints count; an unknown state is ready', () => {
  const records = createRecords();
  records.put(
    slice('a-1', 'ns/a', [
      { addresses: ['10.1.0.1'], conditions: { ready: true } },
      { addresses: ['10.1.0.2'], conditions: { ready: false } },
      { addresses: ['10.1.0.3'], conditions: {} },
    ]),
  );
  const [found] = records.slices('a.ns');
  expect(found?.addresses.map(({ ip }) => ip)).toEqual(['10.1.0.1', '10.1.0.3']);
});

test('an address belongs to a pod until it ends', () => {
  const records = createRecords();
  records.put(pod('ns/a', '10.1.0.1'));
  expect([...records.podsByIp('10.1.0.1')]).toMatchObject([{ namespace: 'ns', name: 'a' }]);
  records.put(pod('ns/a', '10.1.0.1', 'Succeeded'));
  expect([...records.podsByIp('10.1.0.1')]).toEqual([]);
});

test('IPv6 addresses are the same in every way to write them', () => {
  const records = createRecords();
  records.put(service('ns/a', ['FD00:0:0::0001']));
  expect([...records.servicesByIp('fd00::1')]).toHaveLength(1);
});

/** Upstream: plugin/kubernetes/parse_test.go. */
describe('names are taken apart', () => {
  const plain = { multicluster: false, zonal: false };
  const multicluster = { multicluster: true, zonal: false };
  const zonal = { multicluster: false, zonal: true };
  const both = { multicluster: true, zonal: true };
  test.each([
    ['_http._tcp.webs.mynamespace.svc', plain, 'http.tcp...webs.mynamespace.svc', ''],
    ['1-2-3-4.webs.mynamespace.svc', plain, '..1-2-3-4..webs.mynamespace.svc', ''],
    ['', plain, '......', ''],
    ['svc', plain, '......', ''],
    ['pod', plain, '......', ''],
    ['..webs.mynamespace.svc', plain, '....webs.mynamespace.svc', ''],
    ['1-2-3-4.cluster1.webs.mynamespace.svc', multicluster, '..1-2-3-4.cluster1.webs.mynamespace.svc', ''],
    ['_http._tcp.webs.mynamespace.svc', multicluster, 'http.tcp...webs.mynamespace.svc', ''],
    ['us-west-2a.pin._zone.webs.mynamespace.svc', zonal, '....webs.mynamespace.svc', 'us-west-2a'],
    ['us-west-2a.prefer._zone.webs.mynamespace.svc', zonal, '....webs.mynamespace.svc', 'us-west-2a'],
    [
      'corp.example.com.pin._zone.webs.mynamespace.svc',
      zonal,
      '....webs.mynamespace.svc',
      'corp.example.com',
    ],
    ['us-west-2a._zone.webs.mynamespace.svc', zonal, 'us-west-2a.zone...webs.mynamespace.svc', ''],
  ])('%s (%o)', (name, shapes, expected, zone) => {
    const found = parseRequest(
      `${name === '' ? '' : `${name}.`}inter.webs.tests.`,
      'inter.webs.tests.',
      shapes,
    );
    if (!found) throw new Error('no request');
    const { port, protocol, endpoint, cluster, service, namespace, kind, topologyZone } = found;
    expect([port, protocol, endpoint, cluster, service, namespace, kind].join('.')).toBe(expected);
    expect(topologyZone).toBe(zone);
  });

  test.each([
    ['webs.mynamespace.pood', plain],
    ['too.long.for.what.i.am.trying.to.pod', plain],
    ['us-west-2a.pin._zone.webs.mynamespace.svc', plain],
    ['us-west-2a.pin._zone.webs.mynamespace.pod', zonal],
    ['us-west-2a.florp._zone.webs.mynamespace.svc', zonal],
    ['us-west-2a.pin._zone.webs.mynamespace.svc', both],
  ])('%s (%o) is none', (name, shapes) => {
    expect(parseRequest(`${name}.inter.webs.tests.`, 'inter.webs.tests.', shapes)).toBeUndefined();
  });
});

const named = [
  namespace('ns'),
  service('ns/db', ['None']),
  slice('db-1', 'ns/db', [
    { addresses: ['10.1.0.1'], hostname: 'first', targetRef: { kind: 'Pod', name: 'db-0' } },
    { addresses: ['10.1.0.2'], targetRef: { kind: 'Pod', name: 'db-1' } },
    { addresses: ['fd00::'], targetRef: { kind: 'Pod', name: 'x'.repeat(64) } },
  ]),
];

test('endpoint_pod_names', async () => {
  const plain = chainOf('cluster.local {\n kubernetes\n}', named);
  const withNames = chainOf('cluster.local {\n kubernetes {\n  endpoint_pod_names\n }\n}', named);
  const rcode = async (handler: typeof plain, label: string, type = 'A') =>
    (await ask(handler, `${label}.db.ns.svc.cluster.local.`, type)).rcode;
  expect(await rcode(plain, 'first')).toBe('NOERROR');
  expect(await rcode(plain, 'db-1')).toBe('NXDOMAIN');
  expect(await rcode(plain, '10-1-0-2')).toBe('NOERROR');
  expect(await rcode(withNames, 'first')).toBe('NOERROR');
  expect(await rcode(withNames, 'db-0')).toBe('NXDOMAIN');
  expect(await rcode(withNames, 'db-1')).toBe('NOERROR');
  expect(await rcode(withNames, 'fd00--0', 'AAAA')).toBe('NOERROR');
});

test('noendpoints, labels, namespace_labels and ttl', async () => {
  const odd = {
    ...service('ns/odd', ['10.0.0.9']),
    metadata: { name: 'odd', namespace: 'ns', labels: { app: 'x' } },
  };
  const objects = [...named, odd];
  const rcode = async (options: string, name: string) =>
    (
      await ask(
        chainOf(`cluster.local {\n kubernetes {\n${options}\n}\n}`, objects),
        `${name}.ns.svc.cluster.local.`,
      )
    ).rcode;
  expect(await rcode('noendpoints', 'db')).toBe('NXDOMAIN');
  expect(await rcode('labels app in (x, y)', 'db')).toBe('NXDOMAIN');
  expect(await rcode('labels app in (x, y)', 'odd')).toBe('NOERROR');
  expect(await rcode('namespace_labels team=a', 'odd')).toBe('NXDOMAIN');
  const slow = chainOf('cluster.local {\n kubernetes {\n ttl 30\n }\n}', objects);
  expect((await ask(slow, 'odd.ns.svc.cluster.local.')).answer).toEqual([
    'odd.ns.svc.cluster.local. 30 IN A 10.0.0.9',
  ]);
  expect((await ask(slow, 'no.ns.svc.cluster.local.')).authority[0]).toMatch(/ 30 IN SOA .* 30$/);
});

test('an ExternalName that leads to itself, in a circle, or to nothing is NODATA', async () => {
  const handler = chainOf('cluster.local {\n kubernetes\n}', [
    namespace('ns'),
    externalName('ns/self', 'self.ns.svc.cluster.local'),
    externalName('ns/a', 'b.ns.svc.cluster.local'),
    externalName('ns/b', 'a.ns.svc.cluster.local'),
    externalName('ns/lost', 'nobody.ns.svc.cluster.local'),
  ]);
  for (const name of ['self', 'a', 'b', 'lost']) {
    const { rcode, answer } = await ask(handler, `${name}.ns.svc.cluster.local.`);
    expect([name, rcode, answer]).toEqual([name, 'NOERROR', []]);
  }
});

test('label selectors', () => {
  expect(parseLabelSelector('a=b, c in (d, e),!f,g,h!=i,j notin (k)')).toEqual({
    matchLabels: { a: 'b' },
    matchExpressions: [
      { key: 'c', operator: 'In', values: ['d', 'e'] },
      { key: 'f', operator: 'DoesNotExist' },
      { key: 'g', operator: 'Exists' },
      { key: 'h', operator: 'NotIn', values: ['i'] },
      { key: 'j', operator: 'NotIn', values: ['k'] },
    ],
  });
  expect(() => parseLabelSelector('a in b')).toThrow('unable to parse requirement: "a in b"');
});

test('follows an API: what there is first, then every change', async () => {
  const api = await startTestApiserver();
  const { client } = api;
  const ref = { name: 'a', namespace: 'ns' };
  const spec = (clusterIP: string) => ({ clusterIP, ports: [{ port: 80 }] });
  await client.create(resources.namespaces, { metadata: { name: 'ns' } });
  await client.create(resources.services, { metadata: ref, spec: spec('10.96.0.101') });
  const { listeners, start, stop } = instanceOf('cluster.local {\n kubernetes\n}', {
    client: () => client,
    objects: undefined,
  });
  await start();
  const handler = listeners.get(':53')?.zones.get('cluster.local.');
  if (!handler) throw new Error('no chain');
  const answer = async () => {
    const { rcode, answer: records } = await ask(handler, 'a.ns.svc.cluster.local.');
    return rcode === 'NXDOMAIN' ? rcode : records.join();
  };
  expect(await answer()).toBe('a.ns.svc.cluster.local. 5 IN A 10.96.0.101');
  await client.delete(resources.services, ref);
  await expect.poll(answer).toBe('NXDOMAIN');
  await client.create(resources.services, { metadata: ref, spec: spec('10.96.0.102') });
  await expect.poll(answer).toBe('a.ns.svc.cluster.local. 5 IN A 10.96.0.102');
  await stop(true);
  await api.stop();
});
