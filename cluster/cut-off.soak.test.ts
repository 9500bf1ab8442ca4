import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { EndpointSlice, Node, Service } from '../api/types.ts';
import { type PodTraffic, startPodTraffic } from './testing/pod-traffic.ts';

let traffic: PodTraffic;

const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'right' },
  spec: { selector: { app: 'right' }, ports: [{ port: 80 }] },
};

beforeAll(async () => {
  traffic = await startPodTraffic({ name: 'cut-off' });
  const { cluster } = traffic;
  await cluster.client.patch(resources.pods, { name: 'right', namespace: 'default' }, 'merge', {
    metadata: { labels: { app: 'right' } },
  });
  await cluster.apply([service]);
});

afterAll(() => traffic?.[Symbol.asyncDispose]());

const rule = '-p tcp -d 172.18.0.2 --dport 6443 -j DROP';
const inWorker = (line: string) => traffic.cluster.node('worker').exec(['sh', '-c', line]);

const conditionOf = (nodes: readonly Node[]) =>
  nodes
    .find(({ metadata }) => metadata?.name === 'worker')
    ?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;

const endpoints = (isReady: boolean) =>
  traffic.cluster.waitFor<EndpointSlice>(
    'endpointslices',
    (slices) =>
      slices
        .flatMap(({ endpoints: list }) => list ?? [])
        .some(({ conditions }) => conditions?.ready === isReady),
    { labelSelector: 'kubernetes.io/service-name=right', timeout: 120_000 },
  );

it('a node that is cut off from the API keeps its pods and their traffic, is NotReady, and comes back', async () => {
  const { cluster, left, targets, transfer } = traffic;
  const [address = ''] = targets;
  const reached = async () => {
    await left(['ping', '-c3', '-i0.2', '-W2', address]);
    const { sent, received } = await transfer(address, 1_000_000);
    expect(received).toBe(sent);
  };
  await endpoints(true);
  await inWorker(`iptables -I OUTPUT ${rule}`);
  await reached();
  await cluster.waitFor<Node>('nodes', (nodes) => conditionOf(nodes) === 'Unknown', { timeout: 180_000 });
  await endpoints(false);
  await reached();
  expect((await inWorker('ip route')).stdout).toContain('10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink');

  await inWorker(`iptables -D OUTPUT ${rule}`);
  await cluster.waitFor<Node>('nodes', (nodes) => conditionOf(nodes) === 'True', { timeout: 180_000 });
  await endpoints(true);
  await reached();
  const again = await cluster.client.get(resources.pods, { name: 'right', namespace: 'default' });
  expect(again.status?.containerStatuses?.[0]?.restartCount).toBe(0);
});
