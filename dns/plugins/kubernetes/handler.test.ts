import { describe, expect, test } from 'vitest';
import { ask, queryFor } from '../../testing/ask.ts';
import { upstreamCluster } from '../../testing/objects.ts';
import { chainOf } from '../../testing/plugin.ts';

/** The facts of upstream's plugin/kubernetes/handler_test.go and handler_*_test.go, case by case. */

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
const a = (name: string, ...ips: string[]) => ips.map((ip) => `${name} 5 IN A ${ip}`);
const aaaa = (name: string, ...ips: string[]) => ips.map((ip) => `${name} 5 IN AAAA ${ip}`);
const srv = (name: string, weight: number, ...targets: string[]) =>
  targets.map((target) => `${name} 5 IN SRV 0 ${weight} 80 ${target}`);

const of = (label: string) => `${label}.testns.svc.cluster.local.`;
const hdls1 = of('hdls1');

const cases: [name: string, type: string, expected: object][] = [
  [of('svc1'), 'A', has(a(of('svc1'), '10.0.0.1'))],
  [of('svcempty'), 'A', has(a(of('svcempty'), '10.0.0.1'))],
  [of('svc1'), 'SRV', has(srv(of('svc1'), 100, of('svc1')), a(of('svc1'), '10.0.0.1'))],
  [of('svcempty'), 'SRV', has(srv(of('svcempty'), 100, of('svcempty')), a(of('svcempty'), '10.0.0.1'))],
  [of('svc6'), 'SRV', has(srv(of('svc6'), 100, of('svc6')), aaaa(of('svc6'), '1234:abcd::1'))],
  [of('_http._tcp.svc1'), 'SRV', has(srv(of('_http._tcp.svc1'), 100, of('svc1')), a(of('svc1'), '10.0.0.1'))],
  [
    of('_http._tcp.svcempty'),
    'SRV',
    has(srv(of('_http._tcp.svcempty'), 100, of('svcempty')), a(of('svcempty'), '10.0.0.1')),
  ],
  [hdls1, 'A', has(a(hdls1, '172.0.0.2', '172.0.0.3', '172.0.0.4', '172.0.0.5'))],
  [of('hdlsprtls'), 'A', has(a(of('hdlsprtls'), '172.0.0.20'))],
  [of('svc1'), 'AAAA', empty],
  [of('svc0'), 'AAAA', none],
  [of('svc0'), 'A', none],
  ['svc0.svc-nons.svc.cluster.local.', 'A', none],
  ['dns-version.cluster.local.', 'TXT', has(['dns-version.cluster.local. 28800 IN TXT "1.1.0"'])],
  [of('svc1'), 'TXT', empty],
  ['svc0.svc-nons.svc.cluster.local.', 'TXT', none],
  [of('bogusendpoint.hdls1'), 'A', none],
  [of('bogusendpoint.svc0'), 'A', none],
  [of('svc6'), 'AAAA', has(aaaa(of('svc6'), '1234:abcd::1'))],
  [
    of('_http._tcp.svc6'),
    'SRV',
    has(srv(of('_http._tcp.svc6'), 100, of('svc6')), aaaa(of('svc6'), '1234:abcd::1')),
  ],
  [hdls1, 'AAAA', has(aaaa(hdls1, '5678:abcd::1', '5678:abcd::2'))],
  ['svc.cluster.local.', 'A', empty],
  ['pod.cluster.local.', 'A', empty],
  ['testns.svc.cluster.local.', 'A', empty],
  ['svc.cluster.local.', 'NS', empty],
  ['testns.svc.cluster.local.', 'NS', empty],
  ['foo.cluster.local.', 'NS', none],
  ['foo.svc.cluster.local.', 'NS', none],
  [of('svc-dual-stack'), 'A', has(a(of('svc-dual-stack'), '10.0.0.3'))],
  [of('svc-dual-stack'), 'AAAA', has(aaaa(of('svc-dual-stack'), '10::3'))],
  [
    of('svc-dual-stack'),
    'SRV',
    has(srv(of('svc-dual-stack'), 50, of('svc-dual-stack')), [
      ...a(of('svc-dual-stack'), '10.0.0.3'),
      ...aaaa(of('svc-dual-stack'), '10::3'),
    ]),
  ],
  [of('svc1'), 'SOA', empty],
  [of('endpoint.external'), 'CNAME', none],
  [of('subdomain.subdomain.external'), 'CNAME', none],
  [
    of('_http._tcp.hdls1'),
    'SRV',
    has(
      srv(
        of('_http._tcp.hdls1'),
        16,
        ...['172-0-0-2', '172-0-0-3', '5678-abcd--1', '5678-abcd--2', 'dup-name'].map(
          (label) => `${label}.${hdls1}`,
        ),
      ),
      [
        ...a(`172-0-0-2.${hdls1}`, '172.0.0.2'),
        ...a(`172-0-0-3.${hdls1}`, '172.0.0.3'),
        ...aaaa(`5678-abcd--1.${hdls1}`, '5678:abcd::1'),
        ...aaaa(`5678-abcd--2.${hdls1}`, '5678:abcd::2'),
        ...a(`dup-name.${hdls1}`, '172.0.0.4', '172.0.0.5'),
      ],
    ),
  ],
  [`5678-abcd--2.${hdls1}`, 'AAAA', has(aaaa(`5678-abcd--2.${hdls1}`, '5678:abcd::2'))],
  [`5678-abcd--1.${hdls1}`, 'AAAA', has(aaaa(`5678-abcd--1.${hdls1}`, '5678:abcd::1'))],
  [of('172-0-0-20.hdlsprtls'), 'A', has(a(of('172-0-0-20.hdlsprtls'), '172.0.0.20'))],
  [`172-0-0-2.${hdls1}`, 'A', has(a(`172-0-0-2.${hdls1}`, '172.0.0.2'))],
  [`172-0-0-3.${hdls1}`, 'A', has(a(`172-0-0-3.${hdls1}`, '172.0.0.3'))],
  [`dup-name.${hdls1}`, 'A', has(a(`dup-name.${hdls1}`, '172.0.0.4', '172.0.0.5'))],
  [of('external'), 'CNAME', has([`${of('external')} 5 IN CNAME ext.interwebs.test.`])],
  [
    of('external-to-service'),
    'A',
    has([`${of('external-to-service')} 5 IN CNAME ${of('svc1')}`, ...a(of('svc1'), '10.0.0.1')]),
  ],
  // Not exposed by `namespaces`.
  ['svc1.unexposedns.svc.cluster.local.', 'A', none],
  // Shapes that cannot exist.
  [of('a.b.c.svc1'), 'A', none],
  ['svc1.testns.cluster.local.', 'A', none],
  [of('*'), 'A', none],
  [of('svc1'), 'MX', empty],
  [of('svc0'), 'MX', none],
  [of('_http._udp.svc1'), 'SRV', none],
  [of('ep1a.svc1'), 'A', has(a(of('ep1a.svc1'), '172.0.0.1'))],
];

describe('names below the zone', () => {
  const handler = chainOf('cluster.local {\n kubernetes {\n  namespaces testns\n }\n}', upstreamCluster);
  test.each(cases)('%s %s', async (name, type, expected) => {
    expect(await ask(handler, name, type)).toEqual(expected);
  });

  test('a CNAME stands before its target', async () => {
    const reply = await handler(queryFor(of('external-to-service')));
    expect(reply.answers.map(({ type }) => type)).toEqual(['CNAME', 'A']);
  });

  test('a transfer is refused', async () => {
    expect((await ask(handler, 'cluster.local.', 'AXFR')).rcode).toBe('REFUSED');
  });
});

describe('the zone itself', () => {
  const handler = chainOf('cluster.local {\n kubernetes\n}', upstreamCluster);
  const apex: [type: string, expected: object][] = [
    ['SOA', has([soa])],
    ['HINFO', empty],
    ['NS', has(['cluster.local. 5 IN NS ns.dns.cluster.local.'], ['ns.dns.cluster.local. 5 IN A 127.0.0.1'])],
    ['A', empty],
    ['AAAA', empty],
    ['SRV', empty],
  ];
  test.each(apex)('%s', async (type, expected) => {
    expect(await ask(handler, 'cluster.local.', type)).toEqual(expected);
  });

  test('the name server has the address of the Service in front of it', async () => {
    const inPod = chainOf('cluster.local {\n kubernetes\n}', upstreamCluster, {
      localAddresses: () => ['172.0.0.100'],
    });
    const server = 'kubedns.kube-system.svc.cluster.local.';
    expect(await ask(inPod, 'cluster.local.', 'NS')).toEqual(
      has([`cluster.local. 5 IN NS ${server}`], a(server, '10.0.0.10')),
    );
    expect(await ask(inPod, 'ns.dns.cluster.local.', 'A')).toEqual(
      has(a('ns.dns.cluster.local.', '10.0.0.10')),
    );
  });
});

describe('case is kept as asked', () => {
  const handler = chainOf('cluster.local {\n kubernetes {\n  ignore empty_service\n }\n}', upstreamCluster);
  const mixed = (zone: string) =>
    `${zone} 5 IN SOA ns.dns.${zone} hostmaster.${zone} SERIAL 7200 1800 86400 5`;
  test.each([
    ['not-a-service.testns.svc.ClUsTeR.lOcAl.', 'A', { ...none, authority: [mixed('ClUsTeR.lOcAl.')] }],
    ['SvC1.TeStNs.SvC.cLuStEr.LoCaL.', 'A', has(a('SvC1.TeStNs.SvC.cLuStEr.LoCaL.', '10.0.0.1'))],
    [
      '_HtTp._TcP.sVc1.TeStNs.SvC.cLuStEr.LoCaL.',
      'SRV',
      has(
        srv('_HtTp._TcP.sVc1.TeStNs.SvC.cLuStEr.LoCaL.', 100, 'svc1.testns.svc.cLuStEr.LoCaL.'),
        a('svc1.testns.svc.cLuStEr.LoCaL.', '10.0.0.1'),
      ),
    ],
    ['Cluster.local.', 'SOA', has([mixed('Cluster.local.')])],
  ])('%s %s', async (name, type, expected) => {
    expect(await ask(handler, name, type)).toEqual(expected);
  });

  test('ignore empty_service hides a Service without endpoints, but no ExternalName', async () => {
    expect(await ask(handler, of('svcempty'), 'A')).toEqual(none);
    expect((await ask(handler, of('external'), 'CNAME')).rcode).toBe('NOERROR');
  });
});

describe('pods', () => {
  const pods = (mode: string) =>
    chainOf(`cluster.local {\n kubernetes {\n  pods ${mode}\n }\n}`, upstreamCluster);
  const first = '10-240-0-1.podns.pod.cluster.local.';
  const second = '172-0-0-2.podns.pod.cluster.local.';
  test.each([
    ['disabled', first, 'A', none],
    ['disabled', second, 'A', none],
    ['insecure', first, 'A', has(a(first, '10.240.0.1'))],
    ['insecure', second, 'A', has(a(second, '172.0.0.2'))],
    ['insecure', 'blah.podns.pod.cluster.local.', 'A', none],
    ['insecure', 'blah.podns.pod.cluster.local.', 'AAAA', none],
    ['insecure', 'blah.podns.pod.cluster.local.', 'HINFO', none],
    ['insecure', 'blah.pod-nons.pod.cluster.local.', 'A', none],
    ['insecure', 'podns.pod.cluster.local.', 'A', empty],
    [
      'insecure',
      'fd00--1.podns.pod.cluster.local.',
      'AAAA',
      has(aaaa('fd00--1.podns.pod.cluster.local.', 'fd00::1')),
    ],
    ['verified', first, 'A', has(a(first, '10.240.0.1'))],
    ['verified', 'podns.pod.cluster.local.', 'A', empty],
    ['verified', 'svcns.svc.cluster.local.', 'A', empty],
    ['verified', 'pod-nons.pod.cluster.local.', 'A', none],
    ['verified', second, 'A', none],
    ['verified', '10-240-0-1.testns.pod.cluster.local.', 'A', none],
  ])('%s: %s %s', async (mode, name, type, expected) => {
    expect(await ask(pods(mode), name, type)).toEqual(expected);
  });
});
