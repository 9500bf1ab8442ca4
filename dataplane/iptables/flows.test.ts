import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { type KubeProxyConfiguration, proxyConfiguration } from '../configuration.ts';
import { desiredRules } from '../render.ts';
import { service, slice } from '../testing/objects.ts';
import { trace } from './trace.ts';

/**
 * Packet flows of upstream's `pkg/proxy/iptables/proxier_test.go`: who reaches what, and who is
 * masqueraded. Endpoints stand in the order of the draw; `masq` where all of them agree.
 */
type Flow = [name: string, source: string, destination: string, port: number, to: string, masq?: boolean];

const nodeIps = ['192.168.0.2'];
const nodeIp = '192.168.0.2';
const client = '203.0.113.2';
const blocked = '203.0.113.130';
const pod = '10.0.0.2';
const here = 'test-hostname';
const endpoint = '10.180.0.1:80';

function check(objects: KubeObject[], flows: Flow[], configuration: KubeProxyConfiguration = {}): void {
  const rules = desiredRules({
    objects,
    nodeName: here,
    nodeIps,
    configuration: proxyConfiguration({ clusterCIDR: '10.0.0.0/8', ...configuration }),
  });
  test.each(flows)('%s', (_, source, destination, port, to, masq = false) => {
    const outcomes = trace(rules, { source, destination, port, nodeIps });
    const text = outcomes
      .map((one) => (one.verdict === 'accept' ? one.to : one.verdict.toUpperCase()))
      .join(', ');
    expect(text).toBe(to);
    expect(new Set(outcomes.map((one) => one.masqueraded))).toEqual(new Set([masq]));
    expect(outcomes.reduce((sum, one) => sum + one.probability, 0)).toBeCloseTo(1, 6);
  });
}

const p80 = { name: 'p80', port: 80, protocol: 'TCP' };
const spec = { clusterIP: '172.30.0.41', ports: [p80] };
const ported = { clusterIP: '172.30.0.41', ports: [{ ...p80, nodePort: 3001 }] };

describe('a ClusterIP without endpoints', () => {
  check([service('ns1/svc1', spec)], [['is rejected', pod, '172.30.0.41', 80, 'REJECT']]);
});

describe('a ClusterIP', () => {
  check(
    [service('ns1/svc1', spec), slice('ns1/svc1', ['10.180.0.1'])],
    [
      ['from a pod', '10.180.0.2', '172.30.0.41', 80, endpoint],
      ['from its own endpoint', '10.180.0.1', '172.30.0.41', 80, endpoint, true],
      ['from outside the cluster', client, '172.30.0.41', 80, endpoint, true],
      ['another port of the same address', pod, '172.30.0.41', 81, '172.30.0.41:81'],
      ['an address that is none of ours', pod, '172.30.0.42', 80, '172.30.0.42:80'],
    ],
  );
});

describe('a ClusterIP with masqueradeAll', () => {
  check(
    [service('ns1/svc1', spec), slice('ns1/svc1', ['10.180.0.1'])],
    [['from a pod', pod, '172.30.0.41', 80, endpoint, true]],
    { iptables: { masqueradeAll: true } },
  );
});

describe('a ClusterIP without a way to tell pods', () => {
  check(
    [service('ns1/svc1', spec), slice('ns1/svc1', ['10.180.0.1'])],
    [['from outside the cluster', client, '172.30.0.41', 80, endpoint]],
    { clusterCIDR: '' },
  );
});

describe('a load balancer with source ranges', () => {
  const ranges = {
    ...ported,
    type: 'LoadBalancer',
    loadBalancerSourceRanges: ['192.168.0.0/24', ' 203.0.113.0/25'],
  };
  check(
    [
      service('ns1/svc1', ranges, { loadBalancer: ['1.2.3.4', '5.6.7.8'] }),
      slice('ns1/svc1', ['10.180.0.1']),
    ],
    [
      ['pod to cluster IP', pod, '172.30.0.41', 80, endpoint],
      ['external to node port', client, nodeIp, 3001, endpoint, true],
      ['node port is not subject to the ranges', blocked, nodeIp, 3001, endpoint, true],
      ['accepted external to the first address', client, '1.2.3.4', 80, endpoint, true],
      ['accepted external to the second address', client, '5.6.7.8', 80, endpoint, true],
      ['blocked external to the first address', blocked, '1.2.3.4', 80, 'DROP'],
      ['blocked external to the second address', blocked, '5.6.7.8', 80, 'DROP'],
      ['pod to the first address', pod, '1.2.3.4', 80, 'DROP'],
      ['node to the first address', nodeIp, '1.2.3.4', 80, endpoint, true],
      ['node with the address as its source', '1.2.3.4', '1.2.3.4', 80, endpoint, true],
      ['node with the other address as its source', '5.6.7.8', '5.6.7.8', 80, endpoint, true],
    ],
  );
});

describe('a load balancer that proxies is not short-circuited', () => {
  const proxying = service('ns1/svc1', { ...ported, type: 'LoadBalancer' });
  proxying.status = { loadBalancer: { ingress: [{ ip: '1.2.3.4', ipMode: 'Proxy' }] } };
  check(
    [proxying, slice('ns1/svc1', ['10.180.0.1'])],
    [['pod to the load balancer', pod, '1.2.3.4', 80, '1.2.3.4:80']],
  );
});

describe('a node port', () => {
  check(
    [service('ns1/svc1', { ...ported, type: 'NodePort' }), slice('ns1/svc1', ['10.180.0.1'])],
    [
      ['pod to cluster IP', pod, '172.30.0.41', 80, endpoint],
      ['external to node port', client, nodeIp, 3001, endpoint, true],
      ['node to node port', nodeIp, nodeIp, 3001, endpoint, true],
      ['localhost to node port', '127.0.0.1', '127.0.0.1', 3001, endpoint, true],
    ],
  );
});

describe('a node port limited to 192.168.0.0/24', () => {
  check(
    [service('ns1/svc1', { ...ported, type: 'NodePort' }), slice('ns1/svc1', ['10.180.0.1'])],
    [
      ['external to node port', client, nodeIp, 3001, endpoint, true],
      ['localhost to node port', '127.0.0.1', '127.0.0.1', 3001, '127.0.0.1:3001'],
    ],
    { nodePortAddresses: ['192.168.0.0/24'] },
  );
});

describe('a node port with localhostNodePorts off', () => {
  check(
    [service('ns1/svc1', { ...ported, type: 'NodePort' }), slice('ns1/svc1', ['10.180.0.1'])],
    [
      ['external to node port', client, nodeIp, 3001, endpoint, true],
      ['localhost to node port', '127.0.0.1', '127.0.0.1', 3001, '127.0.0.1:3001'],
    ],
    { iptables: { localhostNodePorts: false } },
  );
});

describe('a load balancer without endpoints', () => {
  const all = { ...ported, type: 'LoadBalancer', externalIPs: ['192.168.99.11'] };
  check(
    [service('ns1/svc1', all, { loadBalancer: ['1.2.3.4'] })],
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

describe('an external address with policy Local', () => {
  const local = { ...spec, type: 'NodePort', externalTrafficPolicy: 'Local', externalIPs: ['192.168.99.11'] };
  check(
    [service('ns1/svc1', local), slice('ns1/svc1', ['10.180.0.1', { ip: '10.180.2.1', node: here }])],
    [
      ['cluster IP hits both endpoints', pod, '172.30.0.41', 80, '10.180.0.1:80, 10.180.2.1:80'],
      [
        'external IP hits only the local endpoint, unmasqueraded',
        client,
        '192.168.99.11',
        80,
        '10.180.2.1:80',
      ],
    ],
  );
});

describe('policy Local without a local endpoint', () => {
  const local = {
    ...ported,
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    externalIPs: ['192.168.99.11'],
  };
  check(
    [service('ns1/svc1', local, { loadBalancer: ['1.2.3.4'] }), slice('ns1/svc1', ['10.180.0.1'])],
    [
      ['cluster IP', pod, '172.30.0.41', 80, endpoint],
      ['external to node port', client, nodeIp, 3001, 'DROP'],
      ['external to external IP', client, '192.168.99.11', 80, 'DROP'],
      ['external to load balancer', client, '1.2.3.4', 80, 'DROP'],
      ['node to node port is short-circuited', nodeIp, nodeIp, 3001, endpoint, true],
      ['node to load balancer is short-circuited', nodeIp, '1.2.3.4', 80, endpoint, true],
      ['pod to load balancer is short-circuited', pod, '1.2.3.4', 80, endpoint],
    ],
  );
});

describe('internalTrafficPolicy Local', () => {
  const local = { ...spec, internalTrafficPolicy: 'Local' };
  check(
    [service('ns1/svc1', local), slice('ns1/svc1', ['10.180.0.1', { ip: '10.180.0.2', node: here }])],
    [['uses the local endpoint', pod, '172.30.0.41', 80, '10.180.0.2:80']],
  );
  check(
    [service('ns1/svc1', local), slice('ns1/svc1', [{ ip: '10.180.0.1', node: 'other' }])],
    [['drops without one', pod, '172.30.0.41', 80, 'DROP']],
  );
});

describe('terminating endpoints', () => {
  const local = { ...ported, type: 'LoadBalancer', externalTrafficPolicy: 'Local' };
  const terminating = { ready: false, serving: true, terminating: true };
  const balanced = service('ns1/svc1', local, { loadBalancer: ['1.2.3.4'] });
  check(
    [
      balanced,
      slice('ns1/svc1', [
        { ip: '10.180.0.1', node: here, ...terminating },
        { ip: '10.180.0.2', node: 'other' },
      ]),
    ],
    [
      ['a local one that still serves takes outside traffic', client, '1.2.3.4', 80, '10.180.0.1:80'],
      ['inside, ready ones are preferred', pod, '172.30.0.41', 80, '10.180.0.2:80'],
    ],
  );
  check(
    [
      balanced,
      slice('ns1/svc1', [
        { ip: '10.180.0.1', ...terminating },
        { ip: '10.180.0.2', ready: false, serving: false, terminating: true },
      ]),
    ],
    [['without a ready one, those that serve are used', pod, '172.30.0.41', 80, endpoint]],
  );
  check(
    [balanced, slice('ns1/svc1', [{ ip: '10.180.0.1', ready: false, serving: false, terminating: true }])],
    [['one that serves no more is none', pod, '172.30.0.41', 80, 'REJECT']],
  );
});

test('the draw is fair to the last endpoint', () => {
  const objects = [
    service('ns1/svc1', spec),
    slice('ns1/svc1', ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5']),
  ];
  const rules = desiredRules({ objects, nodeName: here, nodeIps });
  const outcomes = trace(rules, { source: pod, destination: '172.30.0.41', port: 80, nodeIps });
  expect(outcomes).toHaveLength(5);
  for (const { probability } of outcomes) expect(probability).toBeCloseTo(0.2, 8);
});
