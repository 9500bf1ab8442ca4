import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '../api/client.ts';
import { resources } from '../api/scheme.ts';
import type { Node, Pod } from '../api/types.ts';
import { startTestControlPlane, type TestControlPlane } from './testing/control-plane.ts';
import { readyNode, registerNode, startFakeAgents } from './testing/fake-nodes.ts';
import { until } from './testing/until.ts';

let plane: TestControlPlane;
let client: Client;

beforeAll(async () => {
  plane = await startTestControlPlane({ nodeMonitorGraceMs: 1_000, podGcQuarantineMs: 100 });
  client = plane.client;
  startFakeAgents(plane, plane.signal);
});
afterAll(() => plane[Symbol.asyncDispose]());

const readyOf = (node: Node | undefined) => node?.status?.conditions?.find(({ type }) => type === 'Ready');
const isReady = (pod: Pod) => pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
const named = <T extends Node | Pod>(objects: T[], name: string) =>
  objects.find(({ metadata }) => metadata?.name === name);

function podOn(nodeName: string, name: string, tolerationSeconds?: number): Pod {
  const toleration = { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' };
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName,
      containers: [{ name: 'c', image: 'i' }],
      tolerations: [tolerationSeconds === undefined ? toleration : { ...toleration, tolerationSeconds }],
    },
  };
}

/** Renews the lease of a node ten times as often as needed. */
function keepAlive(name: string): () => void {
  const namespace = 'kube-node-lease';
  const lease = () => ({ renewTime: new Date().toISOString().replace('Z', '000Z') });
  const created = client.create(resources.leases, { metadata: { name, namespace }, spec: lease() });
  const timer = setInterval(async () => {
    await created;
    await client.patch(resources.leases, { name, namespace }, 'merge', { spec: lease() });
  }, 100);
  return () => clearInterval(timer);
}

test('a node without heartbeats becomes Unknown, and loses its pods unless they tolerate that', async () => {
  const stop = keepAlive('alive');
  await registerNode(client, readyNode('alive'));
  await registerNode(client, readyNode('silent'));
  await client.create(resources.pods, podOn('silent', 'leaves', 0));
  await client.create(resources.pods, podOn('silent', 'stays'));
  await until(client, resources.pods, 'default', (pods) => pods.filter(isReady).length === 2);

  const nodes = await until(client, resources.nodes, undefined, (all) => {
    const silent = named(all, 'silent');
    return readyOf(silent)?.status === 'Unknown' && silent?.spec?.taints?.length === 2;
  });
  expect(readyOf(named(nodes, 'silent'))).toMatchObject({
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
  });
  expect(named(nodes, 'silent')?.spec?.taints?.map(({ key, effect }) => [key, effect])).toEqual([
    ['node.kubernetes.io/unreachable', 'NoSchedule'],
    ['node.kubernetes.io/unreachable', 'NoExecute'],
  ]);
  const [left] = await until(
    client,
    resources.pods,
    'default',
    (pods) => pods.length === 1 && !pods.some(isReady),
  );
  expect(left?.metadata?.name).toBe('stays');
  expect(readyOf(named(nodes, 'alive'))?.status).toBe('True');

  const ref = { name: 'silent', subresource: 'status' };
  const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date().toISOString() }];
  await client.patch(resources.nodes, ref, 'merge', { status: { conditions } });
  await until(client, resources.nodes, undefined, (all) => !named(all, 'silent')?.spec?.taints?.length);
  stop();
});

test('pods of a deleted node are removed', async () => {
  await registerNode(client, readyNode('leaving'));
  await client.create(resources.pods, podOn('leaving', 'abandoned'));
  await until(
    client,
    resources.pods,
    'default',
    (pods) => named(pods, 'abandoned')?.status?.podIP !== undefined,
  );
  await client.delete(resources.nodes, { name: 'leaving' });
  await until(client, resources.pods, 'default', (pods) => named(pods, 'abandoned') === undefined);
});

test('controllers that were away catch up', async () => {
  await registerNode(client, readyNode('before'));
  const before = await until(client, resources.nodes, undefined, (all) =>
    all.every(({ spec }) => spec?.podCIDR),
  );
  const labels = { app: 'web' };
  const spec = {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  };
  const make = (name: string) =>
    client.create(resources.replicasets, {
      metadata: { name, namespace: 'default' },
      spec: { ...spec, replicas: 2 },
    });
  await make('doomed');
  const ownedBy = (name: string) => (pods: Pod[]) =>
    pods.filter(({ metadata }) => metadata?.ownerReferences?.some((owner) => owner.name === name)).length;
  await until(client, resources.pods, 'default', (pods) => ownedBy('doomed')(pods) === 2);

  await plane.restartControllers(async () => {
    await client.delete(
      resources.replicasets,
      { name: 'doomed', namespace: 'default' },
      { propagationPolicy: 'Background' },
    );
    await make('fresh');
    await registerNode(client, readyNode('after'));
  });

  await until(
    client,
    resources.pods,
    'default',
    (pods) => ownedBy('doomed')(pods) === 0 && ownedBy('fresh')(pods) === 2,
  );
  const nodes = await until(client, resources.nodes, undefined, (all) =>
    all.every(({ spec }) => spec?.podCIDR),
  );
  const cidrs = nodes.map(({ spec }) => spec?.podCIDR);
  expect(new Set(cidrs).size).toBe(cidrs.length);
  for (const { metadata, spec } of before)
    expect(named(nodes, metadata?.name ?? '')?.spec?.podCIDR).toBe(spec?.podCIDR);
});

test('controllers had nothing to complain of', () => {
  expect(plane.complaints).toEqual([]);
});
