import type { ServiceSpec } from '../api/types.ts';
import { client, describeFlows, type Flow, here, nodeIp, type Otherwise, pod } from './testing/flows.ts';
import { type EndpointOptions, service, slice } from './testing/objects.ts';

/**
 * Packet flows of upstream's `proxier_test.go` about traffic policies, terminating endpoints and masquerading.
 * Every row must hold in every backend. IPVS mode knows no short cut for pods and the node to an address with
 * policy Local, and where this node has no endpoint it uses those of others, upstream as well as here.
 */

const p80 = { name: 'p80', port: 80, protocol: 'TCP' };
const external: ServiceSpec = {
  type: 'LoadBalancer',
  clusterIP: '172.30.0.41',
  externalIPs: ['192.168.99.11'],
  ports: [{ ...p80, nodePort: 3001 }],
};
const balanced = (spec: ServiceSpec) => service('ns1/svc1', spec, { loadBalancer: ['1.2.3.4'] });
const two: EndpointOptions[] = [{ ip: '10.180.0.1' }, { ip: '10.180.2.1', node: here }];
const remote: EndpointOptions[] = [{ ip: '10.180.0.1', node: 'other' }];
const [first, second, both] = ['10.180.0.1:80', '10.180.2.1:80', '10.180.0.1:80, 10.180.2.1:80'];

describeFlows(
  'externalTrafficPolicy Cluster',
  [balanced(external), slice('ns1/svc1', two)],
  [
    ['pod to cluster IP', pod, '172.30.0.41', 80, both],
    ['pod to external IP', pod, '192.168.99.11', 80, `${both} masq`],
    ['external to external IP', client, '192.168.99.11', 80, `${both} masq`],
    ['pod to load balancer', pod, '1.2.3.4', 80, `${both} masq`],
    ['external to load balancer', client, '1.2.3.4', 80, `${both} masq`],
    ['pod to node port', pod, nodeIp, 3001, `${both} masq`],
    ['external to node port', client, nodeIp, 3001, `${both} masq`],
  ],
);

const local = { ...external, externalTrafficPolicy: 'Local', healthCheckNodePort: 30000 };
describeFlows(
  'externalTrafficPolicy Local',
  [balanced(local), slice('ns1/svc1', two)],
  [
    ['pod to cluster IP', pod, '172.30.0.41', 80, both],
    ['pod to external IP', pod, '192.168.99.11', 80, both, { ipvs: second }],
    ['external to external IP', client, '192.168.99.11', 80, second],
    ['pod to load balancer', pod, '1.2.3.4', 80, both, { ipvs: second }],
    ['external to load balancer', client, '1.2.3.4', 80, second],
    ['pod to node port', pod, nodeIp, 3001, both, { ipvs: second }],
    ['external to node port', client, nodeIp, 3001, second],
    [
      'hairpin at the load balancer',
      '10.180.2.1',
      '1.2.3.4',
      80,
      `${first}, ${second} masq`,
      { ipvs: `${second} masq` },
    ],
  ],
);
describeFlows(
  'externalTrafficPolicy Local without a local endpoint',
  [balanced(local), slice('ns1/svc1', remote)],
  [
    ['cluster IP', pod, '172.30.0.41', 80, first],
    ['external to node port', client, nodeIp, 3001, 'DROP', { ipvs: first }],
    ['external to external IP', client, '192.168.99.11', 80, 'DROP', { ipvs: first }],
    ['external to load balancer', client, '1.2.3.4', 80, 'DROP', { ipvs: first }],
    ['pod to load balancer', pod, '1.2.3.4', 80, first],
    ['node to node port', nodeIp, nodeIp, 3001, `${first} masq`, { ipvs: first }],
    ['node to load balancer', nodeIp, '1.2.3.4', 80, `${first} masq`, { ipvs: first }],
  ],
);

const three = (...nodes: string[]) =>
  slice(
    'ns1/svc1',
    nodes.map((node, i) => ({ ip: `10.0.1.${i + 1}`, node })),
  );
const inside = (internalTrafficPolicy: string) =>
  service('ns1/svc1', { clusterIP: '172.30.1.1', ports: [p80], internalTrafficPolicy });
const flow = (expected: string, otherwise?: Otherwise): Flow[] => [
  ['pod to cluster IP', pod, '172.30.1.1', 80, expected, otherwise],
];
describeFlows(
  'internalTrafficPolicy Cluster',
  [inside('Cluster'), three(here, 'node1', 'node2')],
  flow('10.0.1.1:80, 10.0.1.2:80, 10.0.1.3:80'),
);
describeFlows(
  'internalTrafficPolicy Local, one local endpoint',
  [inside('Local'), three(here, 'node1', 'node2')],
  flow('10.0.1.1:80'),
);
describeFlows(
  'internalTrafficPolicy Local, two local endpoints',
  [inside('Local'), three(here, here, 'node2')],
  flow('10.0.1.1:80, 10.0.1.2:80'),
);
describeFlows(
  'internalTrafficPolicy Local, none',
  [inside('Local'), three('node0', 'node1', 'node2')],
  flow('DROP', { ipvs: 'REJECT' }),
);
describeFlows('internalTrafficPolicy Local, nowhere any', [inside('Local')], flow('REJECT'));

const ready = (ip: string, node: string): EndpointOptions => ({ ip, node });
const leaving = (ip: string, node: string, serving = true): EndpointOptions => ({
  ip,
  node,
  ready: false,
  serving,
  terminating: true,
});
const terminating = (
  name: string,
  endpoints: EndpointOptions[],
  expected: { inside: string; cluster?: string; local: string; ipvs?: string },
) => {
  const spec = { type: 'LoadBalancer', clusterIP: '172.30.1.1', ports: [p80], healthCheckNodePort: 30000 };
  for (const externalTrafficPolicy of ['Local', 'Cluster']) {
    const isLocal = externalTrafficPolicy === 'Local';
    const outside = isLocal ? expected.local : (expected.cluster ?? expected.inside);
    const masqueraded = isLocal || outside === 'REJECT' ? outside : `${outside} masq`;
    describeFlows(
      `terminating endpoints, policy ${externalTrafficPolicy}, ${name}`,
      [balanced({ ...spec, externalTrafficPolicy }), slice('ns1/svc1', endpoints)],
      [
        ['pod to cluster IP', pod, '172.30.1.1', 80, expected.inside],
        [
          'external to load balancer',
          client,
          '1.2.3.4',
          80,
          masqueraded,
          isLocal && expected.ipvs ? { ipvs: expected.ipvs } : {},
        ],
      ],
    );
  }
};
terminating(
  'ready ones exist',
  [
    ready('10.0.1.1', here),
    ready('10.0.1.2', here),
    leaving('10.0.1.3', here),
    leaving('10.0.1.4', here, false),
    ready('10.0.1.5', 'node-1'),
  ],
  { inside: '10.0.1.1:80, 10.0.1.2:80, 10.0.1.5:80', local: '10.0.1.1:80, 10.0.1.2:80' },
);
terminating(
  'none here is ready',
  [
    leaving('10.0.1.2', here),
    leaving('10.0.1.3', here),
    leaving('10.0.1.4', here, false),
    ready('10.0.1.5', 'node-1'),
  ],
  { inside: '10.0.1.5:80', local: '10.0.1.2:80, 10.0.1.3:80' },
);
terminating(
  'only terminating ones',
  [
    leaving('10.0.1.2', here),
    leaving('10.0.1.3', here),
    leaving('10.0.1.4', 'another-node', false),
    leaving('10.0.1.5', 'another-node'),
  ],
  { inside: '10.0.1.2:80, 10.0.1.3:80, 10.0.1.5:80', local: '10.0.1.2:80, 10.0.1.3:80' },
);
terminating('only on another node', [leaving('10.0.1.5', 'node-1')], {
  inside: '10.0.1.5:80',
  local: 'DROP',
  ipvs: '10.0.1.5:80',
});
terminating(
  'nowhere a usable one',
  [leaving('10.0.1.5', here, false), leaving('10.0.1.6', 'node-1', false)],
  { inside: 'REJECT', local: 'REJECT' },
);
