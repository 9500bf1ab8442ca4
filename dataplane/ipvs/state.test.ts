import { expect, test } from 'vitest';
import type { Family } from '../../api/address.ts';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { proxyConfiguration } from '../configuration.ts';
import { createModel } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { service, slice } from '../testing/objects.ts';
import { desiredState, ipvsText } from './render.ts';
import { serversText } from './servers.ts';

/** Facts of upstream's `pkg/proxy/ipvs/proxier_test.go`; the node there is 100.101.102.103. */
const nodeIp = '100.101.102.103';

function state(
  objects: { service: Service; slices?: EndpointSlice[] },
  {
    family = 'IPv4' as Family,
    ips = [nodeIp, '2001:db8::1:1'],
    configuration = {},
    emulatedVersion = undefined as string | undefined,
  } = {},
) {
  const model = createModel(family, 'testnode');
  model.setService('ns1/svc1', objects.service);
  for (const [i, one] of (objects.slices ?? []).entries()) model.setSlice(`ns1/svc1-${i}`, one);
  const inputs = {
    rows: [...model.rows().values()],
    node: nodeFacts('testnode', undefined, { ips }),
    family,
    configuration: proxyConfiguration(configuration),
    emulatedVersion,
  };
  const desired = desiredState(inputs);
  const sets = Object.fromEntries(
    [...desired.sets]
      .filter(([, entries]) => entries.size > 0)
      .map(([name, entries]) => [name, [...entries.keys()]]),
  );
  return { ...desired, sets, lines: serversText(desired.servers).trim().split('\n'), text: ipvsText(inputs) };
}

const clusterIP = '10.20.30.41';
const port = { name: 'p80', port: 80 };
const local = { ip: '10.180.0.1', node: 'testnode' };
const remote = { ip: '10.180.1.1', node: 'elsewhere' };

test('a node port has a virtual server on each node address (TestNodePortIPv4)', () => {
  const { lines, sets, addresses } = state({
    service: service('ns1/svc1', { type: 'NodePort', clusterIP, ports: [{ ...port, nodePort: 3001 }] }),
    slices: [slice('ns1/svc1', ['10.180.0.1'])],
  });
  expect(lines).toEqual([
    '-A -t 10.20.30.41:80 -s rr',
    '-a -t 10.20.30.41:80 -r 10.180.0.1:80 -m -w 1',
    '-A -t 100.101.102.103:3001 -s rr',
    '-a -t 100.101.102.103:3001 -r 10.180.0.1:80 -m -w 1',
  ]);
  expect(sets).toEqual({
    'KUBE-CLUSTER-IP': ['10.20.30.41,tcp:80'],
    'KUBE-NODE-PORT-TCP': ['3001'],
    'KUBE-IPVS-IPS': ['10.20.30.41'],
  });
  expect([...addresses.keys()]).toEqual([clusterIP]);
});

test('UDP and SCTP node ports: a bitmap for the one, addresses with ports for the other', () => {
  const spec = (protocol: string) => ({
    type: 'NodePort',
    clusterIP,
    ports: [{ ...port, protocol, nodePort: 3001 }],
  });
  const ofUdp = state({
    service: service('ns1/svc1', spec('UDP')),
    slices: [slice('ns1/svc1', [local], { protocol: 'UDP' })],
  });
  expect(ofUdp.lines).toContain('-a -u 100.101.102.103:3001 -r 10.180.0.1:80 -m -w 1');
  expect(ofUdp.sets['KUBE-NODE-PORT-UDP']).toEqual(['3001']);
  expect(ofUdp.sets['KUBE-LOOP-BACK']).toEqual(['10.180.0.1,udp:80,10.180.0.1']);
  const nodes = ['100.101.102.103', '100.101.102.104', '100.101.102.105'];
  const ofSctp = state({ service: service('ns1/svc1', spec('SCTP')) }, { ips: nodes });
  expect(ofSctp.sets['KUBE-NODE-PORT-SCTP-HASH']).toEqual(nodes.map((ip) => `${ip},sctp:3001`));
  expect(ofSctp.lines).toEqual(
    ['10.20.30.41:80', ...nodes.map((ip) => `${ip}:3001`)].map((key) => `-A --sctp-service ${key} -s rr`),
  );
});

test('IPv6 has sets of its own, whose names are cut to 31 characters (TestNodePortIPv6)', () => {
  const { lines, sets, text } = state(
    {
      service: service('ns1/svc1', {
        type: 'NodePort',
        clusterIP: '2020::1',
        ports: [{ ...port, nodePort: 3001 }],
      }),
      slices: [slice('ns1/svc1', ['1002:ab8::2:10'], { addressType: 'IPv6' })],
    },
    { family: 'IPv6' },
  );
  expect(lines).toContain('-a -t [2001:db8::1:1]:3001 -r [1002:ab8::2:10]:80 -m -w 1');
  expect(sets).toEqual({
    'KUBE-6-CLUSTER-IP': ['2020::1,tcp:80'],
    'KUBE-6-NODE-PORT-TCP': ['3001'],
    'KUBE-6-IPVS-IPS': ['2020::1'],
  });
  expect(text).toContain('create KUBE-6-LOAD-BALANCER-SOURCE-CID hash:ip,port,net family inet6');
});

test('external addresses: a server each, bound unless the node has the address itself (TestExternalIPs)', () => {
  const spec = { clusterIP, externalIPs: ['50.60.70.81', '2012::51', nodeIp], ports: [port] };
  const { lines, sets, addresses } = state({ service: service('ns1/svc1', spec) });
  expect(lines).toEqual(['10.20.30.41', '50.60.70.81', nodeIp].map((ip) => `-A -t ${ip}:80 -s rr`));
  expect(sets['KUBE-EXTERNAL-IP']).toEqual(['50.60.70.81,tcp:80', `${nodeIp},tcp:80`]);
  expect([...addresses.keys()]).toEqual([clusterIP, '50.60.70.81']);
});

test('externalTrafficPolicy Local: local endpoints outside, all inside (TestOnlyLocalLoadBalancing, TestOnlyLocalNodePorts)', () => {
  const { lines, sets, rules } = state({
    service: service(
      'ns1/svc1',
      {
        type: 'LoadBalancer',
        clusterIP,
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 32100,
        sessionAffinity: 'ClientIP',
        externalIPs: ['50.60.70.81'],
        ports: [{ ...port, nodePort: 3001 }],
      },
      { loadBalancer: ['1.2.3.4'] },
    ),
    slices: [slice('ns1/svc1', [local, remote])],
  });
  expect(lines.filter((line) => line.startsWith('-a'))).toEqual([
    '-a -t 10.20.30.41:80 -r 10.180.0.1:80 -m -w 1',
    '-a -t 10.20.30.41:80 -r 10.180.1.1:80 -m -w 1',
    ...['50.60.70.81:80', '1.2.3.4:80', `${nodeIp}:3001`].map(
      (key) => `-a -t ${key} -r 10.180.0.1:80 -m -w 1`,
    ),
  ]);
  expect(lines[0]).toBe('-A -t 10.20.30.41:80 -s rr -p 10800');
  expect(sets).toEqual({
    'KUBE-LOOP-BACK': ['10.180.0.1,tcp:80,10.180.0.1'],
    'KUBE-CLUSTER-IP': ['10.20.30.41,tcp:80'],
    'KUBE-EXTERNAL-IP-LOCAL': ['50.60.70.81,tcp:80'],
    'KUBE-LOAD-BALANCER': ['1.2.3.4,tcp:80'],
    'KUBE-LOAD-BALANCER-LOCAL': ['1.2.3.4,tcp:80'],
    'KUBE-NODE-PORT-TCP': ['3001'],
    'KUBE-NODE-PORT-LOCAL-TCP': ['3001'],
    'KUBE-HEALTH-CHECK-NODE-PORT': ['32100'],
    'KUBE-IPVS-IPS': [clusterIP, '50.60.70.81', '1.2.3.4'],
  });
  const nodePort = rules.nat.chains.get('KUBE-NODE-PORT') ?? [];
  expect(nodePort.map((rule) => /-j (\S+)$/.exec(rule)?.[1])).toEqual(['RETURN', 'KUBE-MARK-MASQ']);
  expect(rules.nat.chains.get('KUBE-LOAD-BALANCER')?.[0]).toMatch(
    /KUBE-LOAD-BALANCER-LOCAL dst,dst -j RETURN$/,
  );
});

test('externalTrafficPolicy Local without a local endpoint uses the others', () => {
  const spec = {
    type: 'NodePort',
    clusterIP,
    externalTrafficPolicy: 'Local',
    ports: [{ ...port, nodePort: 3001 }],
  };
  const { lines } = state({ service: service('ns1/svc1', spec), slices: [slice('ns1/svc1', [remote])] });
  expect(lines).toContain('-a -t 100.101.102.103:3001 -r 10.180.1.1:80 -m -w 1');
});

test('internalTrafficPolicy Local without a local endpoint, and nothing outside, has no real server', () => {
  const spec = { clusterIP, internalTrafficPolicy: 'Local', ports: [port] };
  const { lines } = state({ service: service('ns1/svc1', spec), slices: [slice('ns1/svc1', [remote])] });
  expect(lines).toEqual(['-A -t 10.20.30.41:80 -s rr']);
});

test.each([
  { ranges: ['203.0.113.0/25'], fromNode: false },
  { ranges: ['203.0.113.0/25', '100.101.102.0/24'], fromNode: true },
])('loadBalancerSourceRanges $ranges (TestLoadBalancerSourceRanges)', ({ ranges, fromNode }) => {
  const { sets, rules } = state({
    service: service(
      'ns1/svc1',
      {
        type: 'LoadBalancer',
        clusterIP,
        loadBalancerSourceRanges: [...ranges, '203.0.113.200/32'],
        ports: [port],
      },
      { loadBalancer: ['1.2.3.4'] },
    ),
    slices: [slice('ns1/svc1', [local])],
  });
  expect(sets['KUBE-LOAD-BALANCER-FW']).toEqual(['1.2.3.4,tcp:80']);
  expect(sets['KUBE-LOAD-BALANCER-SOURCE-CIDR']).toEqual(
    [...ranges, '203.0.113.200'].map((range) => `1.2.3.4,tcp:80,${range}`),
  );
  expect(sets['KUBE-LOAD-BALANCER-SOURCE-IP']).toEqual(fromNode ? ['1.2.3.4,tcp:80,1.2.3.4'] : undefined);
  expect(rules.filter.chains.get('KUBE-IPVS-OUT-FILTER')).toEqual(
    fromNode ? [] : ['-s 1.2.3.4 -m ipvs --vproto 6 --vaddr 1.2.3.4 --vport 80 -j DROP'],
  );
  expect(rules.filter.chains.get('KUBE-SOURCE-RANGES-FIREWALL')?.map((rule) => rule.slice(-9))).toEqual([
    '-j RETURN',
    ...(fromNode ? ['-j RETURN'] : []),
    '-j DROP',
  ]);
});

test.each([
  [{ iptables: { masqueradeAll: true } }, /KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ$/],
  [{ clusterCIDR: '10.244.0.0/16' }, /KUBE-CLUSTER-IP dst,dst ! -s 10\.244\.0\.0\/16 -j KUBE-MARK-MASQ$/],
  [{}, /KUBE-CLUSTER-IP src,dst -j KUBE-MARK-MASQ$/],
])('who is masqueraded with %o (TestMasqueradeAll, TestMasqueradeRule)', (configuration, rule) => {
  const { rules } = state({ service: service('ns1/svc1', { clusterIP, ports: [port] }) }, { configuration });
  expect(rules.nat.chains.get('KUBE-SERVICES')).toEqual([
    '-s 127.0.0.0/8 -j RETURN',
    expect.stringMatching(rule),
    '-m addrtype --dst-type LOCAL -j KUBE-NODE-PORT',
    '-m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT',
  ]);
});

test('the scheduler, which for mh looks at the port too; options as ipvsadm-save orders them', () => {
  const lines = (scheduler: string, spec = {}) =>
    state(
      { service: service('ns1/svc1', { clusterIP, ports: [port], ...spec }) },
      { configuration: { ipvs: { scheduler } } },
    ).lines;
  expect(lines('lblcr')).toEqual(['-A -t 10.20.30.41:80 -s lblcr']);
  expect(lines('mh', { sessionAffinity: 'ClientIP' })).toEqual([
    '-A -t 10.20.30.41:80 -s mh -p 10800 -b mh-port',
  ]);
  expect(() => lines('best')).toThrow(/IPVS\.Scheduler: Invalid value: "best": must be rr,wrr,/);
});

test('the articles: servers on loopback, addresses that answer whatever the node answers', () => {
  const spec = { type: 'NodePort', clusterIP, ports: [{ ...port, nodePort: 3001 }] };
  const today = state({ service: service('ns1/svc1', spec) });
  const then = state({ service: service('ns1/svc1', spec) }, { emulatedVersion: '1.12' });
  expect(then.lines).toContain('-A -t 127.0.0.1:3001 -s rr');
  expect(today.lines).not.toContain('-A -t 127.0.0.1:3001 -s rr');
  expect(today.rules.filter.chains.get('KUBE-IPVS-FILTER')?.at(-1)).toBe(
    '-m conntrack --ctstate NEW -m set --match-set KUBE-IPVS-IPS dst -j REJECT',
  );
  expect(then.rules.filter.chains.has('KUBE-IPVS-FILTER')).toBe(false);
  expect(then.text).not.toContain('KUBE-IPVS-FILTER');
});

test('a slice that names an address twice, and two families, give each real server once', () => {
  const { lines } = state({
    service: service('ns1/svc1', { clusterIP, ports: [port] }),
    slices: [
      slice('ns1/svc1', [local, local]),
      slice('ns1/svc1', ['1002:ab8::2:10'], { addressType: 'IPv6' }),
    ],
  });
  expect(lines).toEqual(['-A -t 10.20.30.41:80 -s rr', '-a -t 10.20.30.41:80 -r 10.180.0.1:80 -m -w 1']);
});
