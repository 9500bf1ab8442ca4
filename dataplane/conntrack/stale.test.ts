import { expect, test } from 'vitest';
import { parseFlow } from '../../kernel/conntrack.ts';
import { createModel } from '../model/model.ts';
import { type EndpointOptions, service, slice } from '../testing/objects.ts';
import { mayLeaveStaleFlows, staleFlows } from './stale.ts';

function rows(endpoints: (string | EndpointOptions)[], protocol = 'UDP') {
  const model = createModel('IPv4', 'worker');
  const spec = {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.10',
    externalIPs: ['192.0.2.1'],
    ports: [{ name: 'dns', port: 53, protocol, nodePort: 30053 }],
  };
  model.setService('ns/dns', service('ns/dns', spec, { loadBalancer: ['192.0.2.2'] }));
  model.setSlice('ns/dns-a', slice('ns/dns', endpoints, { portName: 'dns', port: 5353, protocol }));
  return model.rows();
}

const flow = (originalDestination: string, originalPort: number, replySource: string, replyPort = 5353) => ({
  protocol: 'udp',
  originalDestination,
  originalPort,
  replySource,
  replyPort,
});
const flows = [
  flow('10.96.0.10', 53, '10.244.1.5'),
  flow('10.96.0.10', 53, '10.244.1.6'),
  flow('10.96.0.10', 53, '10.96.0.10', 53),
  flow('192.0.2.1', 53, '10.244.1.6'),
  flow('192.0.2.2', 53, '10.244.1.6'),
  flow('172.18.0.3', 30053, '10.244.1.6'),
  flow('10.96.0.10', 54, '10.244.1.6'),
  flow('8.8.8.8', 53, '8.8.8.8', 53),
  flow('10.96.0.10', 53, '10.244.1.5', 5300),
  flow('172.18.0.3', 30053, '10.244.1.5', 5300),
];
const stale = (endpoints: (string | EndpointOptions)[], protocol?: string) =>
  staleFlows(flows, rows(endpoints, protocol).values()).map((one) =>
    flows.indexOf(one as (typeof flows)[number]),
  );

test('flows to an endpoint that is gone or has another port now, and those made before there was one, by every way in', () => {
  expect(stale(['10.244.1.5'])).toEqual([1, 2, 3, 4, 5, 8, 9]);
});

test('flows to an endpoint that still serves stay while it terminates', () => {
  expect(stale(['10.244.1.5', { ip: '10.244.1.6', ready: false, serving: true, terminating: true }])).toEqual(
    [2, 8, 9],
  );
  expect(
    stale(['10.244.1.5', { ip: '10.244.1.6', ready: false, serving: false, terminating: true }]),
  ).toEqual([1, 2, 3, 4, 5, 8, 9]);
});

test('without endpoints, and for TCP, nothing is forgotten', () => {
  expect(stale([])).toEqual([]);
  expect(stale(['10.244.1.5'], 'TCP')).toEqual([]);
});

test.each([
  ['first endpoint', [], ['10.244.1.5'], true],
  ['endpoint gone', ['10.244.1.5', '10.244.1.6'], ['10.244.1.5'], true],
  ['endpoint replaced', ['10.244.1.5'], ['10.244.1.6'], true],
  ['endpoint added', ['10.244.1.5'], ['10.244.1.5', '10.244.1.6'], false],
  ['nothing', ['10.244.1.5'], ['10.244.1.5'], false],
])('%s: whether conntrack is looked at', (_, before, after, expected) => {
  expect(mayLeaveStaleFlows(rows(before), rows(after))).toBe(expected);
});

test('conntrack lines are read in both directions', () => {
  const line =
    'udp      17 29 src=10.244.1.9 dst=10.96.0.53 sport=40000 dport=53 [UNREPLIED] src=10.244.1.5 dst=10.244.1.9 sport=9376 dport=40000 mark=0 use=1';
  expect(parseFlow(line)).toEqual(flow('10.96.0.53', 53, '10.244.1.5', 9376));
  expect(parseFlow('')).toBeUndefined();
});
