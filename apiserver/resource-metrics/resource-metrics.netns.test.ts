import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type { Deployment } from '../../api/types.ts';
import { startCluster } from '../../cluster/cluster.ts';
import type { Cluster } from '../../cluster/handle.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ name: 'metrics', nodes: 1 });
  await cluster.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: burn}
spec:
  selector: {matchLabels: {app: burn}}
  template:
    metadata: {labels: {app: burn}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: main, image: busybox, command: [sh, -c, 'while true; do true; done'], resources: {requests: {cpu: 10m}}}
`);
  await cluster.waitFor('deployment/burn', 'Available');
});
afterAll(() => cluster?.stop());

interface Metrics {
  metadata: { name: string };
  usage?: Record<string, string>;
  containers?: { name: string; usage: Record<string, string> }[];
}

const path = '/apis/metrics.k8s.io/v1beta1';
const list = async (of: string) =>
  (await cluster.client.request<{ items: Metrics[] }>('GET', path + of)).items;

it('tells what pods and nodes use, by labels and names', async () => {
  const [burn, ...others] = await list('/namespaces/default/pods?labelSelector=app%3Dburn');
  expect(others).toEqual([]);
  const [main] = burn?.containers ?? [];
  expect(main?.name).toBe('main');
  // It takes all it gets: more than a hundredth of a processor on any machine.
  expect(Number.parseInt(main?.usage.cpu ?? '', 10)).toBeGreaterThan(10_000_000);
  expect(main?.usage.memory).toMatch(/^\d+Ki$/);
  const one = await cluster.client.request<Metrics>(
    'GET',
    `${path}/namespaces/default/pods/${burn?.metadata.name}`,
  );
  expect(one).toMatchObject({ kind: 'PodMetrics', apiVersion: 'metrics.k8s.io/v1beta1' });
  const [node] = await list('/nodes');
  expect(node?.metadata.name).toBe('control-plane');
  expect(node?.usage?.cpu).toMatch(/^\d+n$/);
  await expect(cluster.client.request('GET', `${path}/nodes/none`)).rejects.toThrow(
    'nodes.metrics.k8s.io "none" not found',
  );
});

it('is what an autoscaler goes by', async () => {
  await cluster.apply(`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: burn}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: burn}
  maxReplicas: 2
  metrics:
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}
`);
  await cluster.waitFor<Deployment>('deployment/burn', ([one]) => one?.spec?.replicas === 2);
  const ref = { name: 'burn', namespace: 'default' };
  const conditions = async () =>
    (await cluster.client.get(resources.horizontalpodautoscalers, ref)).status?.conditions ?? [];
  await expect
    .poll(conditions)
    .toContainEqual(
      expect.objectContaining({ type: 'ScalingActive', status: 'True', reason: 'ValidMetricFound' }),
    );
});
