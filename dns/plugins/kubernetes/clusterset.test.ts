import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../api/object.ts';
import { ask, queryFor } from '../../testing/ask.ts';
import { namespace, service, slice, upstreamCluster } from '../../testing/objects.ts';
import { chainOf } from '../../testing/plugin.ts';
import type { ServiceImport } from './objects.ts';

/** The facts of upstream's plugin/kubernetes/zonal_test.go and of the multicluster cases of handler_test.go, xfr_test.go. */

const soa =
  'cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. SERIAL 7200 1800 86400 5';
const none = { rcode: 'NXDOMAIN', answer: [], authority: [soa], additional: [] };
const empty = { rcode: 'NOERROR', answer: [], authority: [soa], additional: [] };
const has = (answer: string[], additional: string[] = []) => ({
  rcode: 'NOERROR',
  answer: answer.sort(),
  authority: [],
  additional: additional.sort(),
});
const of = (label: string) => `${label}.testns.svc.cluster.local.`;
const a = (name: string, ...ips: string[]) => ips.map((ip) => `${name} 5 IN A ${ip}`);
const aaaa = (name: string, ...ips: string[]) => ips.map((ip) => `${name} 5 IN AAAA ${ip}`);

describe('zonal', () => {
  const objects = [
    namespace('testns'),
    service('testns/hdls', ['None']),
    service('testns/clstr', ['10.0.0.10'], { http: 80 }),
    slice(
      'hdls-slice',
      'testns/hdls',
      [
        { addresses: ['172.0.0.1'], zone: 'us-west-2A' },
        { addresses: ['172.0.0.2'], zone: 'us-west-2b' },
        { addresses: ['172.0.0.3'], zone: 'us-west-2b' },
      ],
      { http: 80 },
    ),
  ];
  const all = ['172.0.0.1', '172.0.0.2', '172.0.0.3'];
  const srv = (name: string, weight: number, ips: string[]) => {
    const targets = ips.map((ip) => [`${ip.replaceAll('.', '-')}.${of('hdls')}`, ip] as const);
    return has(
      targets.map(([target]) => `${name} 5 IN SRV 0 ${weight} 80 ${target}`),
      targets.flatMap(([target, ip]) => a(target, ip)),
    );
  };
  const in2a = of('us-west-2a.pin._zone.hdls');
  const in2b = of('us-west-2b.pin._zone.hdls');
  const in2c = of('us-west-2c.pin._zone.hdls');
  const near2a = of('us-west-2a.prefer._zone.hdls');
  const near2c = of('us-west-2c.prefer._zone.hdls');
  const serve = (option: string) =>
    chainOf(`. {\n kubernetes cluster.local {\n  namespaces testns\n${option}\n }\n}`, objects);
  test.each([
    [in2a, 'A', has(a(in2a, '172.0.0.1'))],
    [in2b, 'A', has(a(in2b, '172.0.0.2', '172.0.0.3'))],
    [in2c, 'A', empty],
    [near2a, 'A', has(a(near2a, '172.0.0.1'))],
    [near2c, 'A', has(a(near2c, ...all))],
    [of('us-west-2a.pin._zone.ghost'), 'A', none],
    [of('us-west-2a.florp._zone.hdls'), 'A', none],
    [of('us-west-2a.pin._zone.clstr'), 'A', none],
    [in2c, 'TXT', empty],
    [in2c, 'HTTPS', empty],
    [near2c, 'TXT', empty],
    [near2c, 'SRV', srv(near2c, 33, all)],
    [in2b, 'SRV', srv(in2b, 50, ['172.0.0.2', '172.0.0.3'])],
  ])('%s %s', async (name, type, expected) => {
    expect(await ask(serve('  zonal'), name, type)).toEqual(expected);
  });

  test('without the option there are no such names', async () => {
    expect(await ask(serve(''), in2a)).toEqual(none);
  });
});

/** The cluster of upstream's tests as another one imports it: the same Services, from `cluster1`. */
function imported(object: KubeObject): KubeObject[] {
  if (object.kind === 'EndpointSlice') {
    const { metadata } = object;
    const labels = {
      'multicluster.kubernetes.io/service-name': metadata?.labels?.['kubernetes.io/service-name'] ?? '',
      'multicluster.kubernetes.io/source-cluster': 'cluster1',
    };
    return [{ ...object, metadata: { ...metadata, name: `imported-${metadata?.name}`, labels } }];
  }
  if (object.kind !== 'Service') return [object];
  const { metadata, spec } = object as ReturnType<typeof service>;
  if (spec?.type === 'ExternalName') return [];
  const isHeadless = spec?.clusterIP === 'None';
  const made: ServiceImport = {
    apiVersion: 'multicluster.x-k8s.io/v1alpha1',
    kind: 'ServiceImport',
    metadata: metadata ?? {},
    spec: {
      type: isHeadless ? 'Headless' : 'ClusterSetIP',
      ips: isHeadless ? [] : (spec?.clusterIPs ?? []),
      ports: (spec?.ports ?? []).map(({ name = '', protocol = 'TCP', port }) => ({ name, protocol, port })),
    },
  };
  return [made];
}

describe('multicluster', () => {
  const objects = upstreamCluster.flatMap(imported);
  const handler = chainOf(
    '. {\n kubernetes cluster.local {\n  multicluster cluster.local\n  namespaces testns\n }\n}',
    objects,
  );
  const hdls1 = of('hdls1');
  const at = (label: string) => `${label}.cluster1.${hdls1}`;
  const targets = ['172-0-0-2', '172-0-0-3', '5678-abcd--1', '5678-abcd--2', 'dup-name'].map(at);
  const cases: [name: string, type: string, expected: object][] = [
    [of('svc1'), 'A', has(a(of('svc1'), '10.0.0.1'))],
    [of('svcempty'), 'A', has(a(of('svcempty'), '10.0.0.1'))],
    [of('svc6'), 'AAAA', has(aaaa(of('svc6'), '1234:abcd::1'))],
    [
      of('_http._tcp.svc1'),
      'SRV',
      has([`${of('_http._tcp.svc1')} 5 IN SRV 0 100 80 ${of('svc1')}`], a(of('svc1'), '10.0.0.1')),
    ],
    [
      of('svc-dual-stack'),
      'SRV',
      has(
        [`${of('svc-dual-stack')} 5 IN SRV 0 50 80 ${of('svc-dual-stack')}`],
        [...a(of('svc-dual-stack'), '10.0.0.3'), ...aaaa(of('svc-dual-stack'), '10::3')],
      ),
    ],
    [of('svc0'), 'A', none],
    [of('svc1'), 'AAAA', empty],
    [of('svc1'), 'TXT', empty],
    ['testns.svc.cluster.local.', 'NS', empty],
    ['svc1.unexposedns.svc.cluster.local.', 'A', none],
    ['dns-version.cluster.local.', 'TXT', has(['dns-version.cluster.local. 28800 IN TXT "1.1.0"'])],
    [
      of('_http._tcp.hdls1'),
      'SRV',
      has(
        targets.map((target) => `${of('_http._tcp.hdls1')} 5 IN SRV 0 16 80 ${target}`),
        [
          ...a(at('172-0-0-2'), '172.0.0.2'),
          ...a(at('172-0-0-3'), '172.0.0.3'),
          ...aaaa(at('5678-abcd--1'), '5678:abcd::1'),
          ...aaaa(at('5678-abcd--2'), '5678:abcd::2'),
          ...a(at('dup-name'), '172.0.0.4', '172.0.0.5'),
        ],
      ),
    ],
    [hdls1, 'A', has(a(hdls1, '172.0.0.2', '172.0.0.3', '172.0.0.4', '172.0.0.5'))],
    [at('5678-abcd--2'), 'AAAA', has(aaaa(at('5678-abcd--2'), '5678:abcd::2'))],
    [at('5678-abcd--1'), 'AAAA', has(aaaa(at('5678-abcd--1'), '5678:abcd::1'))],
    [of('172-0-0-20.cluster1.hdlsprtls'), 'A', has(a(of('172-0-0-20.cluster1.hdlsprtls'), '172.0.0.20'))],
    [`5678-abcd--1.${hdls1}`, 'AAAA', none],
    [of('5678-abcd--1.cluster2.hdls1'), 'AAAA', none],
    [at('172-0-0-2'), 'A', has(a(at('172-0-0-2'), '172.0.0.2'))],
    [at('dup-name'), 'A', has(a(at('dup-name'), '172.0.0.4', '172.0.0.5'))],
  ];
  test.each(cases)('%s %s', async (name, type, expected) => {
    expect(await ask(handler, name, type)).toEqual(expected);
  });

  test('beside the zone of the cluster itself, each has its own Services', async () => {
    const both = chainOf(
      '. {\n kubernetes cluster.local clusterset.local {\n  multicluster clusterset.local\n }\n}',
      [...upstreamCluster, ...objects],
    );
    const rcode = async (name: string) => (await ask(both, name)).rcode;
    expect(await rcode(of('external'))).not.toBe('NXDOMAIN');
    expect(await rcode('external.testns.svc.clusterset.local.')).toBe('NXDOMAIN');
    expect(await rcode('172-0-0-2.hdls1.testns.svc.cluster.local.')).toBe('NOERROR');
    expect(await rcode('172-0-0-2.cluster1.hdls1.testns.svc.clusterset.local.')).toBe('NOERROR');
    expect(await rcode('172-0-0-2.cluster1.hdls1.testns.svc.cluster.local.')).toBe('NXDOMAIN');
  });

  test('a transfer of a multicluster zone', async () => {
    const both = chainOf(
      '. {\n transfer {\n to *\n }\n kubernetes cluster.local clusterset.local {\n  multicluster clusterset.local\n }\n}',
      [...upstreamCluster, ...objects],
    );
    const { answers } = await both(queryFor('clusterset.local.', 'AXFR', { protocol: 'tcp' }));
    const names = new Set(answers.map(({ name }) => name));
    expect(names).toContain('172-0-0-2.hdls1.testns.svc.clusterset.local.');
    expect(names).toContain('_http._tcp.svc-dual-stack.testns.svc.clusterset.local.');
    expect(names).not.toContain('external.testns.svc.clusterset.local.');
  });
});
