import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import type { EndpointSlice, Service, ServiceSpec } from '../../api/types.ts';
import { type KubeProxyConfiguration, proxyConfiguration } from '../configuration.ts';
import { createModel } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { type EndpointOptions, service, slice } from '../testing/objects.ts';
import { desiredTable } from './render.ts';
import { trace } from './trace.ts';

/**
 * Packet flows of upstream's `pkg/proxy/nftables/proxier_test.go`: who reaches what, and who is
 * masqueraded. Every row must hold in both layouts.
 */
type Flow = [name: string, source: string, destination: string, port: number, to: string, masq?: boolean];

const nodeIp = '192.168.0.2';
const nodeIps = [nodeIp, '192.168.1.2', '192.168.99.11', '2001:db8::1', '2001:db8:1::2'];
const client = '203.0.113.2';
const blocked = '203.0.113.130';
const pod = '10.0.0.2';
const here = 'test-node';
const [one, both] = ['10.180.0.1:80', '10.180.0.1:80, 10.180.2.1:80'];

function tableOf(
  layout: 'upstream' | 'flat',
  objects: KubeObject[],
  configuration: KubeProxyConfiguration,
  family: 'IPv4' | 'IPv6',
) {
  const model = createModel(family, here);
  for (const object of objects) {
    const key = `${object.metadata?.namespace}/${object.metadata?.name}`;
    if (object.kind === 'Service') model.setService(key, object as Service);
    else model.setSlice(key, object as EndpointSlice);
  }
  return desiredTable({
    rows: [...model.rows().values()],
    node: {
      ...nodeFacts(here, undefined, {
        ips: [nodeIp, '2001:db8::1'],
        localAddresses: ['127.0.0.1', '::1', ...nodeIps],
      }),
      serviceCIDRs: ['172.30.0.0/16', 'fd00:10:96::/112'],
    },
    family,
    configuration: proxyConfiguration({
      clusterCIDR: '10.0.0.0/8,fd00:10::/64',
      nodePortAddresses: ['192.168.0.2/32', '2001:db8::1/128'],
      ...configuration,
    }),
    layout,
  });
}

function check(
  objects: KubeObject[],
  flows: Flow[],
  {
    protocol = 'tcp',
    family = 'IPv4' as 'IPv4' | 'IPv6',
    ...configuration
  }: KubeProxyConfiguration & { protocol?: string; family?: 'IPv4' | 'IPv6' } = {},
): void {
  describe.each(['upstream', 'flat'] as const)('layout %s', (layout) => {
    const table = tableOf(layout, objects, configuration, family);
    test.each(flows)('%s', (_, source, destination, port, to, masq = false) => {
      const outcomes = trace(table, { source, destination, port, protocol, nodeIps });
      const text = outcomes.map(({ verdict, to }) => (verdict === 'accept' ? to : verdict.toUpperCase()));
      expect(text.join(', ')).toBe(to);
      expect(new Set(outcomes.map((outcome) => outcome.masqueraded))).toEqual(new Set([masq]));
      expect(outcomes.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
    });
  });
}

const p80 = { name: 'p80', port: 80, protocol: 'TCP' };
const cluster: ServiceSpec = { clusterIP: '172.30.0.41', ports: [p80] };
const external: ServiceSpec = {
  type: 'LoadBalancer',
  clusterIP: '172.30.0.41',
  externalIPs: ['192.168.99.11'],
  ports: [{ ...p80, nodePort: 3001 }],
};
const balanced = (spec: ServiceSpec, loadBalancer = ['1.2.3.4']) =>
  service('ns1/svc1', spec, { loadBalancer });
const two: EndpointOptions[] = [{ ip: '10.180.0.1' }, { ip: '10.180.2.1', node: here }];

describe('no endpoints', () => {
  check(
    [balanced(external)],
    [
      ['pod to cluster IP', pod, '172.30.0.41', 80, 'REJECT'],
      ['external to external IP', client, '192.168.99.11', 80, 'REJECT'],
      ['pod to node port', pod, nodeIp, 3001, 'REJECT'],
      ['external to node port', client, nodeIp, 3001, 'REJECT'],
      ['pod to load balancer', pod, '1.2.3.4', 80, 'REJECT'],
      ['external to load balancer', client, '1.2.3.4', 80, 'REJECT'],
    ],
  );
});

describe('cluster IPs', () => {
  const ports = [
    { name: 'http', port: 80, protocol: 'TCP' },
    { name: 'https', port: 443, protocol: 'TCP', targetPort: 8443 },
    { name: 'dns-udp', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 5353 },
    { name: 'dns-sctp', port: 53, protocol: 'SCTP' },
  ];
  const targets = { http: 80, https: 8443, 'dns-udp': 53, 'dns-tcp': 5353, 'dns-sctp': 53 };
  const objects = [
    service('ns1/svc1', { clusterIP: '172.30.0.41', ports: [{ ...p80, name: 'http' }] }),
    slice('ns1/svc1', ['10.180.0.1'], { portName: 'http' }),
    service('ns2/svc2', { clusterIP: '172.30.0.42', ports }),
    ...ports.map(({ name, protocol }) =>
      slice('ns2/svc2', two, {
        portName: name,
        protocol,
        suffix: name,
        port: targets[name as keyof typeof targets],
      }),
    ),
  ];
  check(objects, [
    ['simple', '10.180.0.2', '172.30.0.41', 80, one],
    ['hairpin', '10.180.0.1', '172.30.0.41', 80, one, true],
    ['from outside the cluster', client, '172.30.0.41', 80, one, true],
    ['several endpoints', '10.180.0.2', '172.30.0.42', 80, both],
    ['target port', '10.180.0.2', '172.30.0.42', 443, '10.180.0.1:8443, 10.180.2.1:8443'],
    ['TCP among others on a port', '10.180.0.2', '172.30.0.42', 53, '10.180.0.1:5353, 10.180.2.1:5353'],
    ["other Services' ports are refused", '10.180.0.2', '172.30.0.41', 443, 'REJECT'],
    ['addresses of nobody are dropped', '10.180.0.2', '172.30.0.50', 80, 'DROP'],
    ['anything else passes', '10.180.0.2', '8.8.8.8', 80, '8.8.8.8:80'],
  ]);
  check(objects, [['masqueradeAll', '10.180.0.2', '172.30.0.41', 80, one, true]], {
    nftables: { masqueradeAll: true },
  });
  check(objects, [['no way to tell pods', client, '172.30.0.41', 80, one]], { clusterCIDR: '' });
  const dns = '10.180.0.1:53, 10.180.2.1:53';
  check(objects, [['SCTP among others on a port', '10.180.0.2', '172.30.0.42', 53, dns]], {
    protocol: 'sctp',
  });
  check(
    objects,
    [
      ['UDP among others on a port', '10.180.0.2', '172.30.0.42', 53, dns],
      ['UDP to a port of TCP', '10.180.0.2', '172.30.0.42', 80, 'REJECT'],
    ],
    { protocol: 'udp' },
  );
});

describe('source ranges', () => {
  const ranges = {
    ...external,
    externalIPs: [],
    loadBalancerSourceRanges: ['192.168.0.0/24', ' 203.0.113.0/25'],
  };
  check(
    [balanced(ranges, ['1.2.3.4', '5.6.7.8']), slice('ns1/svc1', ['10.180.0.1'])],
    [
      ['pod to cluster IP', pod, '172.30.0.41', 80, one],
      ['external to node port', client, nodeIp, 3001, one, true],
      ['node ports are not subject to them', blocked, nodeIp, 3001, one, true],
      ['accepted at the first address', client, '1.2.3.4', 80, one, true],
      ['accepted at the second address', client, '5.6.7.8', 80, one, true],
      ['blocked at the first address', blocked, '1.2.3.4', 80, 'DROP'],
      ['blocked at the second address', blocked, '5.6.7.8', 80, 'DROP'],
      ['pod blocked at the first address', pod, '1.2.3.4', 80, 'DROP'],
      ['pod blocked at the second address', pod, '5.6.7.8', 80, 'DROP'],
      ['node to the first address', nodeIp, '1.2.3.4', 80, one, true],
      ['node to the second address', nodeIp, '5.6.7.8', 80, one, true],
      ['node with the first address as its source', '1.2.3.4', '1.2.3.4', 80, one, true],
      ['node with the second address as its source', '5.6.7.8', '5.6.7.8', 80, one, true],
    ],
  );
});

describe('node ports', () => {
  const ported = service('ns1/svc1', { ...external, type: 'NodePort', externalIPs: [] });
  const objects = [ported, slice('ns1/svc1', two)];
  const flows: Flow[] = [
    ['pod to cluster IP', pod, '172.30.0.41', 80, both],
    ['external to node port', client, nodeIp, 3001, both, true],
    ['node to node port', nodeIp, nodeIp, 3001, both, true],
  ];
  check(objects, [...flows, ['not on the other address', client, '192.168.1.2', 3001, '192.168.1.2:3001']]);
  check(objects, [...flows, ['on the other address', client, '192.168.1.2', 3001, both, true]], {
    nodePortAddresses: ['192.168.0.0/24', '192.168.1.0/24', '2001:db8::/64'],
  });
  check(objects, [...flows, ['never on loopback', '127.0.0.1', '127.0.0.1', 3001, '127.0.0.1:3001']], {
    nodePortAddresses: ['0.0.0.0/0', '::/0'],
  });
  const six = [
    service('ns1/svc1', { ...external, type: 'NodePort', externalIPs: [], clusterIP: 'fd00:172:30::41' }),
    slice('ns1/svc1', ['fd00:10:180::1', { ip: 'fd00:10:180::2:1', node: here }], { addressType: 'IPv6' }),
  ];
  const sixBoth = '[fd00:10:180::1]:80, [fd00:10:180::2:1]:80';
  check(
    six,
    [
      ['IPv6: pod to cluster IP', 'fd00:10::2', 'fd00:172:30::41', 80, sixBoth],
      ['IPv6: external to node port', '2600:5200::1', '2001:db8::1', 3001, sixBoth, true],
      ['IPv6: node to node port', '2001:db8::1', '2001:db8::1', 3001, sixBoth, true],
      ['IPv6: not on the other address', '2600:5200::1', '2001:db8:1::2', 3001, '[2001:db8:1::2]:3001'],
    ],
    { family: 'IPv6' },
  );
});

describe('externalTrafficPolicy Cluster', () => {
  check(
    [balanced(external), slice('ns1/svc1', two)],
    [
      ['pod to cluster IP', pod, '172.30.0.41', 80, both],
      ['pod to external IP', pod, '192.168.99.11', 80, both, true],
      ['external to external IP', client, '192.168.99.11', 80, both, true],
      ['pod to load balancer', pod, '1.2.3.4', 80, both, true],
      ['external to load balancer', client, '1.2.3.4', 80, both, true],
      ['pod to node port', pod, nodeIp, 3001, both, true],
      ['external to node port', client, nodeIp, 3001, both, true],
    ],
  );
});

describe('externalTrafficPolicy Local', () => {
  const local = { ...external, externalTrafficPolicy: 'Local', healthCheckNodePort: 30000 };
  check(
    [balanced(local), slice('ns1/svc1', two)],
    [
      ['pod to cluster IP', pod, '172.30.0.41', 80, both],
      ['pod to external IP', pod, '192.168.99.11', 80, both],
      ['external to external IP', client, '192.168.99.11', 80, '10.180.2.1:80'],
      ['pod to load balancer', pod, '1.2.3.4', 80, both],
      ['external to load balancer', client, '1.2.3.4', 80, '10.180.2.1:80'],
      ['pod to node port', pod, nodeIp, 3001, both],
      ['external to node port', client, nodeIp, 3001, '10.180.2.1:80'],
      ['node to load balancer', nodeIp, '1.2.3.4', 80, both, true],
    ],
  );
  check(
    [balanced(local), slice('ns1/svc1', [{ ip: '10.180.0.1', node: 'other' }])],
    [
      ['without a local endpoint: cluster IP', pod, '172.30.0.41', 80, one],
      ['without a local endpoint: external to node port', client, nodeIp, 3001, 'DROP'],
      ['without a local endpoint: external to load balancer', client, '1.2.3.4', 80, 'DROP'],
      ['without a local endpoint: pod to load balancer', pod, '1.2.3.4', 80, one],
      ['without a local endpoint: node to node port', nodeIp, nodeIp, 3001, one, true],
    ],
  );
  const terminating = { ready: false, serving: true, terminating: true };
  check(
    [
      balanced(local),
      slice('ns1/svc1', [
        { ip: '10.180.0.1', node: here, ...terminating },
        { ip: '10.180.0.2', node: 'other' },
      ]),
    ],
    [
      ['a local one that terminates takes outside traffic', client, '1.2.3.4', 80, one],
      ['inside, ready ones are preferred', pod, '172.30.0.41', 80, '10.180.0.2:80'],
    ],
  );
});

describe('internalTrafficPolicy Local', () => {
  const local = { ...cluster, internalTrafficPolicy: 'Local' };
  const flow = (to: string): Flow[] => [['pod to cluster IP', pod, '172.30.0.41', 80, to]];
  check([service('ns1/svc1', local), slice('ns1/svc1', two)], flow('10.180.2.1:80'));
  check([service('ns1/svc1', local), slice('ns1/svc1', [{ ip: '10.180.0.1', node: 'other' }])], flow('DROP'));
});
