import type { ServiceSpec } from '../api/types.ts';
import { blocked, client, describeFlows, type Flow, here, nodeIp, pod } from './testing/flows.ts';
import { type EndpointOptions, service, slice } from './testing/objects.ts';

/**
 * Packet flows of upstream's `pkg/proxy/iptables/proxier_test.go` and `pkg/proxy/nftables/proxier_test.go`: who
 * reaches what, and who is masqueraded. Every row must hold in every backend and both layouts. Where IPVS mode
 * differs, it does so upstream as well.
 */

const one = '10.180.0.1:80';
const both = '10.180.0.1:80, 10.180.2.1:80';
const p80 = { name: 'p80', port: 80, protocol: 'TCP' };
const external: ServiceSpec = {
  type: 'LoadBalancer',
  clusterIP: '172.30.0.41',
  externalIPs: ['192.168.99.11'],
  ports: [{ ...p80, nodePort: 3001 }],
};
const balanced = (spec: ServiceSpec, loadBalancer = ['1.2.3.4']) =>
  service('ns1/svc1', spec, { loadBalancer });
const two: EndpointOptions[] = [{ ip: '10.180.0.1' }, { ip: '10.180.2.1', node: here }];

describeFlows(
  'no endpoints',
  [balanced(external)],
  [
    ['pod to cluster IP', pod, '172.30.0.41', 80, 'REJECT'],
    ['node to cluster IP', nodeIp, '172.30.0.41', 80, 'REJECT'],
    ['external to external IP', client, '192.168.99.11', 80, 'REJECT'],
    ['pod to node port', pod, nodeIp, 3001, 'REJECT'],
    ['node to its own node port', nodeIp, nodeIp, 3001, 'REJECT'],
    ['external to node port', client, nodeIp, 3001, 'REJECT'],
    ['pod to load balancer', pod, '1.2.3.4', 80, 'REJECT'],
    ['external to load balancer', client, '1.2.3.4', 80, 'REJECT'],
  ],
);

const ports = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { name: 'https', port: 443, protocol: 'TCP', targetPort: 8443 },
  { name: 'dns-udp', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 5353 },
  { name: 'dns-sctp', port: 53, protocol: 'SCTP' },
];
const targets: Record<string, number> = {
  http: 80,
  https: 8443,
  'dns-udp': 53,
  'dns-tcp': 5353,
  'dns-sctp': 53,
};
const local = { ip: '10.180.0.1', node: here };
const general = [
  service('ns1/svc1', { clusterIP: '172.30.0.41', ports: [{ ...p80, name: 'http' }] }),
  slice('ns1/svc1', [local], { portName: 'http' }),
  service('ns2/svc2', { clusterIP: '172.30.0.42', ports }),
  ...ports.map(({ name, protocol }) =>
    slice('ns2/svc2', [local, { ip: '10.180.2.1', node: 'node2' }], {
      portName: name,
      protocol,
      suffix: name,
      port: targets[name] ?? 0,
    }),
  ),
];
const somebody = '10.180.0.2';
const dns = '10.180.0.1:53, 10.180.2.1:53';

describeFlows('cluster IPs', general, [
  ['simple', somebody, '172.30.0.41', 80, one],
  ['hairpin', '10.180.0.1', '172.30.0.41', 80, `${one} masq`],
  ['from outside the cluster', client, '172.30.0.41', 80, `${one} masq`],
  ['several endpoints', somebody, '172.30.0.42', 80, both],
  ['target port', somebody, '172.30.0.42', 443, '10.180.0.1:8443, 10.180.2.1:8443'],
  ['TCP among others on a port', somebody, '172.30.0.42', 53, '10.180.0.1:5353, 10.180.2.1:5353'],
  [
    "other Services' ports are refused",
    somebody,
    '172.30.0.41',
    443,
    'REJECT',
    { iptables: '172.30.0.41:443' },
  ],
  ['addresses of nobody are dropped', somebody, '172.30.0.50', 80, '172.30.0.50:80', { nftables: 'DROP' }],
  ['anything else passes', somebody, '8.8.8.8', 80, '8.8.8.8:80'],
]);
describeFlows('SCTP', general, [['among others on a port', somebody, '172.30.0.42', 53, dns]], {
  protocol: 'sctp',
});
describeFlows(
  'UDP',
  general,
  [
    ['among others on a port', somebody, '172.30.0.42', 53, dns],
    ['to a port of TCP', somebody, '172.30.0.42', 80, 'REJECT', { iptables: '172.30.0.42:80' }],
  ],
  { protocol: 'udp' },
);

const ranges = (...loadBalancerSourceRanges: string[]) => [
  balanced({ ...external, externalIPs: [], loadBalancerSourceRanges }, ['1.2.3.4', '5.6.7.8']),
  slice('ns1/svc1', ['10.180.0.1']),
];
describeFlows('source ranges', ranges('192.168.0.0/24', ' 203.0.113.0/25'), [
  ['pod to cluster IP', pod, '172.30.0.41', 80, one],
  ['external to node port', client, nodeIp, 3001, `${one} masq`],
  ['node ports are not subject to them', blocked, nodeIp, 3001, `${one} masq`],
  ['accepted at the first address', client, '1.2.3.4', 80, `${one} masq`],
  ['accepted at the second address', client, '5.6.7.8', 80, `${one} masq`],
  ['blocked at the first address', blocked, '1.2.3.4', 80, 'DROP'],
  ['blocked at the second address', blocked, '5.6.7.8', 80, 'DROP'],
  ['pod blocked at the first address', pod, '1.2.3.4', 80, 'DROP'],
  ['pod blocked at the second address', pod, '5.6.7.8', 80, 'DROP'],
  ['node to the first address', nodeIp, '1.2.3.4', 80, `${one} masq`],
  ['node to the second address', nodeIp, '5.6.7.8', 80, `${one} masq`],
  ['node with the first address as its source', '1.2.3.4', '1.2.3.4', 80, `${one} masq`],
  ['node with the second address as its source', '5.6.7.8', '5.6.7.8', 80, `${one} masq`],
]);
describeFlows('source ranges without the node', ranges('203.0.113.0/25'), [
  ['accepted', client, '1.2.3.4', 80, `${one} masq`],
  ['blocked', blocked, '1.2.3.4', 80, 'DROP'],
  // The address is the node's own in IPVS mode, and so what the node sends to it comes from it.
  ['node', nodeIp, '1.2.3.4', 80, 'DROP', { ipvs: `${one} masq` }],
  ['node with the address as its source', '1.2.3.4', '1.2.3.4', 80, 'DROP'],
]);
describeFlows('a source range that lets everybody in', ranges('203.0.113.0/25', '0.0.0.0/0'), [
  ['anybody', blocked, '1.2.3.4', 80, `${one} masq`],
]);

const proxying = service('ns1/svc1', { ...external, externalIPs: [] });
proxying.status = { loadBalancer: { ingress: [{ ip: '1.2.3.4', ipMode: 'Proxy' }, { hostname: 'lb' }] } };
describeFlows(
  'a load balancer that proxies',
  [proxying, slice('ns1/svc1', ['10.180.0.1'])],
  [['is not short-circuited', pod, '1.2.3.4', 80, '1.2.3.4:80']],
);

const ported = [
  service('ns1/svc1', { ...external, type: 'NodePort', externalIPs: [] }),
  slice('ns1/svc1', two),
];
const nodePortFlows: Flow[] = [
  ['pod to cluster IP', pod, '172.30.0.41', 80, both],
  ['external to node port', client, nodeIp, 3001, `${both} masq`],
  ['node to node port', nodeIp, nodeIp, 3001, `${both} masq`],
];
const onOther = (expected: string): Flow => [
  'external, other address',
  client,
  '192.168.1.2',
  3001,
  expected,
];
const loopback = (expected: string): Flow => [
  'from the node itself, on loopback',
  '127.0.0.1',
  '127.0.0.1',
  3001,
  '127.0.0.1:3001',
  { iptables: expected },
];
describeFlows('node ports on one address', ported, [
  ...nodePortFlows,
  onOther('192.168.1.2:3001'),
  loopback('127.0.0.1:3001'),
]);
describeFlows('node ports on networks', ported, [...nodePortFlows, onOther(`${both} masq`)], {
  nodePortAddresses: ['192.168.0.0/24', '192.168.1.0/24', '2001:db8::/64'],
});
describeFlows(
  'node ports everywhere',
  ported,
  [...nodePortFlows, onOther(`${both} masq`), loopback(`${both} masq`)],
  { nodePortAddresses: ['0.0.0.0/0', '::/0'] },
);
describeFlows('node ports not on loopback', ported, [...nodePortFlows, loopback('127.0.0.1:3001')], {
  nodePortAddresses: ['0.0.0.0/0'],
  iptables: { localhostNodePorts: false },
});
const ported6 = [
  service('ns1/svc1', { ...external, type: 'NodePort', externalIPs: [], clusterIP: 'fd00:172:30::41' }),
  slice('ns1/svc1', ['fd00:10:180::1', { ip: 'fd00:10:180::2:1', node: here }], { addressType: 'IPv6' }),
];
const both6 = '[fd00:10:180::1]:80, [fd00:10:180::2:1]:80';
const nodePortFlows6: Flow[] = [
  ['pod to cluster IP', 'fd00:10::2', 'fd00:172:30::41', 80, both6],
  ['external to node port', '2600:5200::1', '2001:db8::1', 3001, `${both6} masq`],
  ['node to node port', '2001:db8::1', '2001:db8::1', 3001, `${both6} masq`],
];
const onOther6 = (expected: string): Flow => [
  'external, other address',
  '2600:5200::1',
  '2001:db8:1::2',
  3001,
  expected,
];
describeFlows(
  'IPv6 node ports on one address',
  ported6,
  [...nodePortFlows6, onOther6('[2001:db8:1::2]:3001')],
  { family: 'IPv6' },
);
describeFlows('IPv6 node ports on networks', ported6, [...nodePortFlows6, onOther6(`${both6} masq`)], {
  family: 'IPv6',
  nodePortAddresses: ['192.168.0.0/24', '192.168.1.0/24', '2001:db8::/64', '2001:db8:1::2/128'],
});
describeFlows(
  'IPv6 node ports everywhere',
  ported6,
  [...nodePortFlows6, ['never on loopback', '::1', '::1', 3001, '[::1]:3001']],
  { family: 'IPv6', nodePortAddresses: ['::/0'] },
);
