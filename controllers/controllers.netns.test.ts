import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../api/client.ts';
import { controllerOf, type KubeObject } from '../api/object.ts';
import { type Resource, resources } from '../api/scheme.ts';
import type { Deployment, Pod } from '../api/types.ts';
import { startTestControlPlane, type TestControlPlane } from './testing/control-plane.ts';
import { readyNode, registerNode, startFakeAgents } from './testing/fake-nodes.ts';
import { until } from './testing/until.ts';

let plane: TestControlPlane;
let client: Client;

beforeAll(async () => {
  plane = await startTestControlPlane();
  client = plane.client;
  startFakeAgents(plane, plane.signal);
  const taints = [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }];
  await registerNode(client, readyNode('control-plane', { taints }));
  await registerNode(client, readyNode('worker'));
  await registerNode(client, readyNode('worker2'));
});
afterAll(() => plane[Symbol.asyncDispose]());

/** A namespace of its own for each test, so that none sees another's objects. */
async function newNamespace(name: string): Promise<string> {
  await client.create(resources.namespaces, { metadata: { name } });
  await until(client, resources.serviceaccounts, name, (accounts) => accounts.length === 1);
  return name;
}

const deployment = (
  namespace: string,
  replicas: number,
  spec: Partial<Deployment['spec']> = {},
): Deployment => ({
  metadata: { name: 'hostnames', namespace },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'hostnames' } },
    template: {
      metadata: { labels: { app: 'hostnames' } },
      spec: {
        containers: [
          {
            name: 'hostnames',
            image: 'k8s.gcr.io/serve_hostname',
            ports: [{ containerPort: 9376, name: 'http' }],
          },
        ],
      },
    },
    ...spec,
  },
});

const rolledOut = (replicas: number, revision: string) => (deployments: Deployment[]) =>
  deployments.some(
    ({ metadata, status }) =>
      status?.observedGeneration === metadata?.generation &&
      status?.updatedReplicas === replicas &&
      status?.availableReplicas === replicas &&
      status?.replicas === replicas &&
      metadata?.annotations?.['deployment.kubernetes.io/revision'] === revision,
  );

const image = (name: string) => ({
  spec: { template: { spec: { containers: [{ name: 'hostnames', image: name }] } } },
});
const isRunning = (pod: Pod) => pod.status?.phase === 'Running' && !pod.metadata?.deletionTimestamp;
const nothing = <T extends KubeObject>(resource: Resource<T>, namespace: string) =>
  until(client, resource, namespace, (objects) => objects.length === 0);

describe('deployments', () => {
  test('three pods come up, spread over the workers, behind their Service', async () => {
    const namespace = await newNamespace('up');
    await client.create(resources.services, {
      metadata: { name: 'hostnames', namespace, labels: { tier: 'demo' } },
      spec: { selector: { app: 'hostnames' }, ports: [{ port: 80, targetPort: 'http' }] },
    });
    await client.create(resources.deployments, deployment(namespace, 3));
    await until(client, resources.deployments, namespace, rolledOut(3, '1'));
    const pods = await until(client, resources.pods, namespace, (all) => all.filter(isRunning).length === 3);
    expect(pods.map(({ spec }) => spec?.nodeName).filter((name) => name === 'control-plane')).toEqual([]);
    expect(new Set(pods.map(({ spec }) => spec?.nodeName)).size).toBe(2);

    const ips = pods.map(({ status }) => status?.podIP).sort();
    const [slice] = await until(client, resources.endpointslices, namespace, (slices) =>
      slices.some(({ endpoints }) => endpoints?.filter(({ conditions }) => conditions?.ready).length === 3),
    );
    expect(slice?.ports).toEqual([{ name: '', port: 9376, protocol: 'TCP' }]);
    expect(slice?.endpoints?.flatMap(({ addresses }) => addresses).sort()).toEqual(ips);
    expect(slice?.metadata?.labels).toEqual({
      tier: 'demo',
      'kubernetes.io/service-name': 'hostnames',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    const [endpoints] = await until(
      client,
      resources.endpoints,
      namespace,
      ([first]) => first?.subsets?.[0]?.addresses?.length === 3,
    );
    expect(endpoints?.subsets?.[0]?.addresses?.map(({ ip }) => ip).sort()).toEqual(ips);

    await client.delete(resources.services, { name: 'hostnames', namespace });
    await Promise.all([
      nothing(resources.endpoints, namespace),
      nothing(resources.endpointslices, namespace),
    ]);
  });

  test('scaling changes the same ReplicaSet and says so in Events', async () => {
    const namespace = await newNamespace('scale');
    await client.create(resources.deployments, deployment(namespace, 1));
    await until(client, resources.deployments, namespace, rolledOut(1, '1'));
    for (const replicas of [5, 2]) {
      await client.patch(resources.deployments, { name: 'hostnames', namespace }, 'merge', {
        spec: { replicas },
      });
      await until(client, resources.deployments, namespace, rolledOut(replicas, '1'));
      await until(client, resources.pods, namespace, (pods) => pods.filter(isRunning).length === replicas);
    }
    const events = await until(client, resources.events, namespace, (all) =>
      all.some(({ message }) => message?.includes('from 5 to 2')),
    );
    const scalings = events.filter(({ reason }) => reason === 'ScalingReplicaSet');
    expect(scalings.map(({ message }) => message?.replace(/hostnames-\w+/, 'RS')).sort()).toEqual([
      'Scaled down replica set RS from 5 to 2',
      'Scaled up replica set RS from 0 to 1',
      'Scaled up replica set RS from 1 to 5',
    ]);
  });

  test('a rolling update never has fewer pods than allowed; undo finds the old ReplicaSet', async () => {
    const namespace = await newNamespace('rollout');
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
    await client.create(resources.deployments, deployment(namespace, 3, { strategy }));
    await until(client, resources.deployments, namespace, rolledOut(3, '1'));
    const ref = { name: 'hostnames', namespace };

    const sizes: number[] = [];
    const watching = until(client, resources.replicasets, namespace, (all) => {
      sizes.push(all.reduce((sum, { spec }) => sum + (spec?.replicas ?? 0), 0));
      return (
        all.length === 2 && all.some(({ spec, status }) => spec?.replicas === 0 && status?.replicas === 0)
      );
    });
    await client.patch(resources.deployments, ref, 'strategic', image('k8s.gcr.io/serve_hostname:2'));
    await until(client, resources.deployments, namespace, rolledOut(3, '2'));
    await watching;
    expect(Math.max(...sizes)).toBe(4);
    expect(Math.min(...sizes.slice(1))).toBe(3);

    await client.patch(resources.deployments, ref, 'strategic', image('k8s.gcr.io/serve_hostname'));
    const [undone] = await until(client, resources.deployments, namespace, rolledOut(3, '3'));
    const all = await until(client, resources.replicasets, namespace, (sets) => sets.length === 2);
    const revisions = all.map(({ metadata }) => metadata?.annotations?.['deployment.kubernetes.io/revision']);
    expect(revisions.sort()).toEqual(['2', '3']);
    const current = all.find(({ spec }) => spec?.replicas === 3);
    expect(
      undone?.status?.conditions?.map(({ type, reason, message }) => [type, reason, message]).sort(),
    ).toEqual([
      ['Available', 'MinimumReplicasAvailable', 'Deployment has minimum availability.'],
      [
        'Progressing',
        'NewReplicaSetAvailable',
        `ReplicaSet "${current?.metadata?.name}" has successfully progressed.`,
      ],
    ]);
  });

  test('Recreate ends all old pods before it makes a new one', async () => {
    const namespace = await newNamespace('recreate');
    await client.create(resources.deployments, deployment(namespace, 2, { strategy: { type: 'Recreate' } }));
    await until(client, resources.deployments, namespace, rolledOut(2, '1'));
    let mixed = false;
    const watching = until(client, resources.pods, namespace, (pods) => {
      mixed ||= new Set(pods.map((pod) => controllerOf(pod)?.uid)).size > 1;
      return (
        pods.filter(isRunning).length === 2 && pods.every(({ spec }) => spec?.containers[0]?.image === 'two')
      );
    });
    await client.patch(resources.deployments, { name: 'hostnames', namespace }, 'strategic', image('two'));
    await watching;
    expect(mixed).toBe(false);
  });

  test('deleting it deletes what it owns, in the foreground too', async () => {
    const namespace = await newNamespace('cascade');
    for (const propagationPolicy of ['Background', 'Foreground']) {
      await client.create(resources.deployments, deployment(namespace, 2));
      await until(client, resources.pods, namespace, (pods) => pods.filter(isRunning).length === 2);
      await client.delete(resources.deployments, { name: 'hostnames', namespace }, { propagationPolicy });
      await nothing(resources.pods, namespace);
      await nothing(resources.replicasets, namespace);
      await nothing(resources.deployments, namespace);
    }
  });

  test('orphans live on and are adopted', async () => {
    const namespace = await newNamespace('orphans');
    await client.create(resources.deployments, deployment(namespace, 2));
    const before = await until(
      client,
      resources.pods,
      namespace,
      (pods) => pods.filter(isRunning).length === 2,
    );
    const options = { propagationPolicy: 'Orphan' };
    await client.delete(resources.deployments, { name: 'hostnames', namespace }, options);
    await until(client, resources.replicasets, namespace, ([set]) => set !== undefined && !controllerOf(set));
    await nothing(resources.deployments, namespace);
    await client.create(resources.deployments, deployment(namespace, 2));
    await until(client, resources.deployments, namespace, rolledOut(2, '1'));
    const after = await client.list(resources.pods, { namespace });
    const uids = (pods: Pod[]) => pods.map(({ metadata }) => metadata?.uid).sort();
    expect(uids(after.items)).toEqual(uids(before));
  });
});

test('a namespace goes with all its content', async () => {
  const namespace = await newNamespace('gone');
  await client.create(resources.deployments, deployment(namespace, 2));
  await until(client, resources.deployments, namespace, rolledOut(2, '1'));
  await client.delete(resources.namespaces, { name: namespace });
  await until(client, resources.namespaces, undefined, (all) =>
    all.every(({ metadata }) => metadata?.name !== namespace),
  );
  const left = await Promise.all(
    Object.values(resources)
      .filter(({ namespaced }) => namespaced)
      .map(async (resource: Resource) => (await client.list(resource, { namespace })).items.length),
  );
  expect(left.reduce((sum, count) => sum + count, 0)).toBe(0);
});

test('a namespace that cannot go yet says what holds it', async () => {
  const namespace = await newNamespace('held');
  const metadata = { name: 'held', namespace, finalizers: ['example.com/hold'] };
  await client.create(resources.configmaps, { metadata });
  await client.delete(resources.namespaces, { name: namespace });
  const all = await until(client, resources.namespaces, undefined, (namespaces) =>
    namespaces.some(({ status }) =>
      status?.conditions?.some(({ type }) => type === 'NamespaceFinalizersRemaining'),
    ),
  );
  const held = all.find(({ metadata }) => metadata?.name === namespace);
  expect(held?.status?.phase).toBe('Terminating');
  expect(
    held?.status?.conditions?.filter(({ status }) => status === 'True').map(({ message }) => message),
  ).toEqual([
    'Some resources are remaining: configmaps. has 1 resource instances',
    'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
  ]);
  await client.patch(resources.configmaps, { name: 'held', namespace }, 'merge', {
    metadata: { finalizers: null },
  });
  await until(client, resources.namespaces, undefined, (left) =>
    left.every((one) => one.metadata?.name !== namespace),
  );
});

test('a rollout without progress says so', async () => {
  const namespace = await newNamespace('stuck');
  const stuck = deployment(namespace, 1, { progressDeadlineSeconds: 1 });
  if (stuck.spec?.template.spec) stuck.spec.template.spec.nodeSelector = { no: 'where' };
  await client.create(resources.deployments, stuck);
  const [late] = await until(client, resources.deployments, namespace, ([one]) =>
    Boolean(one?.status?.conditions?.some(({ reason }) => reason === 'ProgressDeadlineExceeded')),
  );
  expect(late?.status?.conditions?.find(({ type }) => type === 'Progressing')).toMatchObject({
    status: 'False',
    message: expect.stringMatching(/^ReplicaSet "hostnames-\w+" has timed out progressing\.$/),
  });
});

test('a pod without a fitting node says why, and is bound when one comes', async () => {
  const namespace = await newNamespace('pending');
  const spec = { nodeSelector: { disk: 'ssd' }, containers: [{ name: 'c', image: 'i' }] };
  await client.create(resources.pods, { metadata: { name: 'picky', namespace }, spec });
  const [pending] = await until(
    client,
    resources.pods,
    namespace,
    ([pod]) => pod?.status?.conditions !== undefined,
  );
  expect(pending?.status?.conditions?.find(({ type }) => type === 'PodScheduled')).toMatchObject({
    status: 'False',
    reason: 'Unschedulable',
    message: expect.stringMatching(
      /^0\/\d nodes are available: 1 node\(s\) had untolerated taint \{node-role\.kubernetes\.io\/control-plane: \}, \d node\(s\) didn't match Pod's node affinity\/selector\. preemption: /,
    ),
  });
  const node = readyNode('ssd-worker');
  await registerNode(client, { ...node, metadata: { name: 'ssd-worker', labels: { disk: 'ssd' } } });
  await until(client, resources.pods, namespace, ([pod]) => pod?.spec?.nodeName === 'ssd-worker');
  await client.delete(resources.nodes, { name: 'ssd-worker' });
});

test('nodes have podCIDRs in the order they came, and namespaces their account and CA', async () => {
  const nodes = await until(client, resources.nodes, undefined, (all) =>
    all.every(({ spec }) => spec?.podCIDR),
  );
  const cidrs = new Map(nodes.map(({ metadata, spec }) => [metadata?.name, spec?.podCIDRs]));
  expect([cidrs.get('control-plane'), cidrs.get('worker'), cidrs.get('worker2')]).toEqual([
    ['10.244.0.0/24'],
    ['10.244.1.0/24'],
    ['10.244.2.0/24'],
  ]);
  const published = await client.get(resources.configmaps, {
    name: 'kube-root-ca.crt',
    namespace: 'default',
  });
  expect(published.data).toEqual({ 'ca.crt': 'the CA' });
});

test('Endpoints of a Service without a selector are mirrored', async () => {
  const namespace = await newNamespace('mirror');
  await client.create(resources.services, {
    metadata: { name: 'outside', namespace },
    spec: { ports: [{ port: 80 }] },
  });
  const subsets = [
    { addresses: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }], ports: [{ port: 8080, protocol: 'TCP' }] },
  ];
  await client.create(resources.endpoints, { metadata: { name: 'outside', namespace }, subsets });
  const [slice] = await until(client, resources.endpointslices, namespace, (slices) => slices.length === 1);
  expect(slice?.metadata?.labels).toMatchObject({
    'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
    'kubernetes.io/service-name': 'outside',
  });
  expect(slice?.endpoints?.map(({ addresses }) => addresses[0])).toEqual(['192.0.2.1', '192.0.2.2']);
  await client.delete(resources.endpoints, { name: 'outside', namespace });
  await nothing(resources.endpointslices, namespace);
});

test('controllers had nothing to complain of', () => {
  expect(plane.complaints).toEqual([]);
});
