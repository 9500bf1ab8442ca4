import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../api/client.ts';
import { resources } from '../api/scheme.ts';
import type { CronJob, DaemonSet, Job, JobSpec, Pod, StatefulSet } from '../api/types.ts';
import { startTestControlPlane, type TestControlPlane } from './testing/control-plane.ts';
import { readyNode, registerNode, startFakeAgents } from './testing/fake-nodes.ts';
import { until } from './testing/until.ts';

let plane: TestControlPlane;
let client: Client;

beforeAll(async () => {
  plane = await startTestControlPlane({ jobBackoffMs: 1, loadBalancerCidrs: ['172.18.250.0/30'] });
  client = plane.client;
  startFakeAgents(plane, plane.signal);
  const taints = [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }];
  await registerNode(client, readyNode('control-plane', { taints }));
  await registerNode(client, readyNode('worker'));
  await registerNode(client, readyNode('worker2'));
});
afterAll(() => plane[Symbol.asyncDispose]());

async function newNamespace(name: string): Promise<string> {
  await client.create(resources.namespaces, { metadata: { name } });
  await until(client, resources.serviceaccounts, name, (accounts) => accounts.length === 1);
  return name;
}

const labels = { app: 'web' };
const template = (image = 'nginx:1') => ({
  metadata: { labels },
  spec: { containers: [{ name: 'web', image }] },
});
const isReady = ({ metadata, status }: Pod) =>
  metadata?.deletionTimestamp === undefined &&
  status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True');
const namesOf = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata?.name).sort();
const imagesOf = (pods: readonly Pod[]) =>
  Object.fromEntries(pods.map(({ metadata, spec }) => [metadata?.name, spec?.containers[0]?.image]).sort());
const eventsOf = async (namespace: string, name: string) =>
  (await client.list(resources.events, { namespace })).items
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason, message }) => `${reason}: ${message}`);

describe('StatefulSets', () => {
  const statefulSet = (namespace: string, spec: Partial<StatefulSet['spec']> = {}): StatefulSet => ({
    metadata: { name: 'web', namespace },
    spec: {
      replicas: 3,
      serviceName: 'web',
      selector: { matchLabels: labels },
      template: template(),
      ...spec,
    },
  });
  const settled = (namespace: string, replicas: number, updated = replicas) =>
    until(client, resources.statefulsets, namespace, ([set]) => {
      const { status, metadata } = set ?? {};
      return (
        status?.observedGeneration === metadata?.generation &&
        status?.availableReplicas === replicas &&
        status?.replicas === replicas &&
        (status?.updatedReplicas ?? 0) === updated
      );
    });

  test('pods come up in order, with names of their own', async () => {
    const namespace = await newNamespace('sts-up');
    await client.create(resources.statefulsets, statefulSet(namespace));
    await settled(namespace, 3);
    const { items } = await client.list(resources.pods, { namespace });
    expect(namesOf(items)).toEqual(['web-0', 'web-1', 'web-2']);
    const first = items.find(({ metadata }) => metadata?.name === 'web-0');
    expect(first?.spec).toMatchObject({ hostname: 'web-0', subdomain: 'web' });
    expect(first?.metadata?.labels).toMatchObject({
      'statefulset.kubernetes.io/pod-name': 'web-0',
      'apps.kubernetes.io/pod-index': '0',
    });
    await client.patch(resources.statefulsets, { name: 'web', namespace }, 'merge', {
      spec: { replicas: 1 },
    });
    await settled(namespace, 1);
    expect(namesOf((await client.list(resources.pods, { namespace })).items)).toEqual(['web-0']);
    await until(client, resources.events, namespace, (events) =>
      events.some(({ message }) => message === 'delete Pod web-1 in StatefulSet web successful'),
    );
    const told = (await eventsOf(namespace, 'web')).map((text) => text.replace(/^\w+: /, ''));
    expect(told.toSorted()).toEqual([
      'create Pod web-0 in StatefulSet web successful',
      'create Pod web-1 in StatefulSet web successful',
      'create Pod web-2 in StatefulSet web successful',
      'delete Pod web-1 in StatefulSet web successful',
      'delete Pod web-2 in StatefulSet web successful',
    ]);
  });

  test('a partition holds an update back, and undoing it makes an old revision the newest', async () => {
    const namespace = await newNamespace('sts-update');
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 2 } };
    await client.create(
      resources.statefulsets,
      statefulSet(namespace, { updateStrategy, podManagementPolicy: 'Parallel' }),
    );
    await settled(namespace, 3);
    const change = (spec: object) =>
      client.patch(resources.statefulsets, { name: 'web', namespace }, 'merge', { spec });
    await change({ template: template('nginx:2') });
    await settled(namespace, 3, 1);
    const { items: half } = await client.list(resources.pods, { namespace });
    expect(imagesOf(half)).toEqual({ 'web-0': 'nginx:1', 'web-1': 'nginx:1', 'web-2': 'nginx:2' });
    // What is lost below the partition comes back as it was.
    await client.delete(resources.pods, { name: 'web-0', namespace });
    await settled(namespace, 3, 1);
    expect(imagesOf((await client.list(resources.pods, { namespace })).items)).toEqual(imagesOf(half));

    await change({ updateStrategy: { rollingUpdate: { partition: 0 } } });
    const [updated] = await settled(namespace, 3, 3);
    const { items: whole } = await client.list(resources.pods, { namespace });
    expect(new Set(Object.values(imagesOf(whole)))).toEqual(new Set(['nginx:2']));
    expect(updated?.status?.currentReplicas).toBe(3);

    const { items: revisions } = await client.list(resources.controllerrevisions, { namespace });
    const first = revisions.find(({ revision }) => revision === 1);
    await client.patch(resources.statefulsets, { name: 'web', namespace }, 'strategic', first?.data);
    await until(client, resources.controllerrevisions, namespace, (all) =>
      all.some(({ metadata, revision }) => metadata?.name === first?.metadata?.name && revision === 3),
    );
    await settled(namespace, 3, 3);
    const { items: undone } = await client.list(resources.pods, { namespace });
    expect(new Set(Object.values(imagesOf(undone)))).toEqual(new Set(['nginx:1']));
  });
});

describe('DaemonSets', () => {
  const daemonSet = (namespace: string, spec: Partial<DaemonSet['spec']> = {}): DaemonSet => ({
    metadata: { name: 'agent', namespace },
    spec: { selector: { matchLabels: labels }, template: template(), ...spec },
  });
  const settled = (namespace: string, nodes: number) =>
    until(client, resources.daemonsets, namespace, ([set]) => {
      const { status, metadata } = set ?? {};
      return (
        status?.observedGeneration === metadata?.generation &&
        status?.desiredNumberScheduled === nodes &&
        status?.numberAvailable === nodes &&
        status?.updatedNumberScheduled === nodes
      );
    });

  test('one pod a node, also for a node that comes later or loses its taint', async () => {
    const namespace = await newNamespace('ds-nodes');
    await client.create(resources.daemonsets, daemonSet(namespace));
    await settled(namespace, 2);
    const nodes = async () =>
      (await client.list(resources.pods, { namespace })).items.map(({ spec }) => spec?.nodeName).sort();
    expect(await nodes()).toEqual(['worker', 'worker2']);
    await registerNode(client, readyNode('worker3'));
    await settled(namespace, 3);
    expect(await nodes()).toEqual(['worker', 'worker2', 'worker3']);
    await client.patch(resources.daemonsets, { name: 'agent', namespace }, 'merge', {
      spec: { template: { spec: { nodeSelector: { 'kubernetes.io/hostname': 'worker2' } } } },
    });
    await settled(namespace, 1);
    expect(await nodes()).toEqual(['worker2']);
    await client.delete(resources.nodes, { name: 'worker3' });
  });

  test.each([
    ['unavailable', { maxUnavailable: 1, maxSurge: 0 }],
    ['surge', { maxUnavailable: 0, maxSurge: 1 }],
  ])('an update by %s reaches every node', async (name, rollingUpdate) => {
    const namespace = await newNamespace(`ds-${name}`);
    await client.create(
      resources.daemonsets,
      daemonSet(namespace, { updateStrategy: { type: 'RollingUpdate', rollingUpdate } }),
    );
    await settled(namespace, 2);
    await client.patch(resources.daemonsets, { name: 'agent', namespace }, 'merge', {
      spec: { template: template('nginx:2') },
    });
    const isNew = (pod: Pod) => isReady(pod) && pod.spec?.containers[0]?.image === 'nginx:2';
    const pods = await until(
      client,
      resources.pods,
      namespace,
      (all) => all.length === 2 && all.every(isNew),
    );
    expect(new Set(pods.map(({ spec }) => spec?.nodeName)).size).toBe(2);
    await settled(namespace, 2);
  });
});

describe('Jobs', () => {
  const job = (namespace: string, exitCode: number | undefined, spec: Partial<JobSpec> = {}): Job => ({
    metadata: { name: 'pi', namespace },
    spec: {
      template: {
        metadata: exitCode === undefined ? {} : { annotations: { 'exit-code': `${exitCode}` } },
        spec: { restartPolicy: 'Never', containers: [{ name: 'pi', image: 'perl' }] },
      },
      ...spec,
    },
  });
  const ended = async (namespace: string, type: string) => {
    const [done] = await until(client, resources.jobs, namespace, ([first]) =>
      Boolean(first?.status?.conditions?.some((one) => one.type === type && one.status === 'True')),
    );
    return done;
  };

  test('so many pods succeed, none stays held, and a time to live ends it all', async () => {
    const namespace = await newNamespace('job-done');
    await client.create(resources.jobs, job(namespace, 0, { completions: 5, parallelism: 2 }));
    const done = await ended(namespace, 'Complete');
    expect(done?.status).toMatchObject({ succeeded: 5, uncountedTerminatedPods: {} });
    const pods = await until(client, resources.pods, namespace, (all) =>
      all.every(({ metadata }) => !metadata?.finalizers?.length),
    );
    expect(pods.length).toBe(5);
    await client.patch(resources.jobs, { name: 'pi', namespace }, 'merge', {
      spec: { ttlSecondsAfterFinished: 0 },
    });
    await until(client, resources.jobs, namespace, (jobs) => jobs.length === 0);
    await until(client, resources.pods, namespace, (all) => all.length === 0);
  });

  test('an Indexed Job runs each index once', async () => {
    const namespace = await newNamespace('job-indexed');
    await client.create(
      resources.jobs,
      job(namespace, 0, { completions: 4, parallelism: 2, completionMode: 'Indexed' }),
    );
    const done = await ended(namespace, 'Complete');
    expect(done?.status).toMatchObject({ succeeded: 4, completedIndexes: '0-3' });
    const { items } = await client.list(resources.pods, { namespace });
    expect(items.map(({ spec }) => spec?.hostname).sort()).toEqual(['pi-0', 'pi-1', 'pi-2', 'pi-3']);
    expect(items[0]?.spec?.containers[0]?.env?.[0]?.name).toBe('JOB_COMPLETION_INDEX');
  });

  test('failures end a Job at its limit', async () => {
    const namespace = await newNamespace('job-failed');
    await client.create(resources.jobs, job(namespace, 3, { backoffLimit: 2 }));
    const done = await ended(namespace, 'Failed');
    expect(done?.status?.failed).toBe(3);
    expect(done?.status?.conditions?.find(({ type }) => type === 'Failed')).toMatchObject({
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    });
  });

  test('a failure policy ends it at the first code it names', async () => {
    const namespace = await newNamespace('job-policy');
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }];
    await client.create(resources.jobs, job(namespace, 42, { podFailurePolicy: { rules } }));
    const done = await ended(namespace, 'Failed');
    const condition = done?.status?.conditions?.find(({ type }) => type === 'Failed');
    expect(condition?.reason).toBe('PodFailurePolicy');
    expect(condition?.message).toMatch(
      /^Container pi for pod job-policy\/pi-\w+ failed with exit code 42 matching FailJob rule at index 0$/,
    );
  });

  test('suspended, resumed, and past its deadline', async () => {
    const namespace = await newNamespace('job-suspend');
    await client.create(resources.jobs, job(namespace, undefined, { suspend: true, parallelism: 2 }));
    await ended(namespace, 'Suspended');
    const change = (spec: object) =>
      client.patch(resources.jobs, { name: 'pi', namespace }, 'merge', { spec });
    await change({ suspend: false });
    await until(client, resources.jobs, namespace, ([first]) => first?.status?.ready === 2);
    await change({ suspend: true });
    await until(client, resources.pods, namespace, (pods) => pods.length === 0);
    await change({ suspend: false, activeDeadlineSeconds: 1 });
    const done = await ended(namespace, 'Failed');
    expect(done?.status?.conditions?.find(({ type }) => type === 'Failed')?.reason).toBe('DeadlineExceeded');
  });

  test('the pods of a Job that is deleted go with it', async () => {
    const namespace = await newNamespace('job-deleted');
    await client.create(resources.jobs, job(namespace, undefined, { parallelism: 2 }));
    await until(client, resources.jobs, namespace, ([first]) => first?.status?.ready === 2);
    await client.delete(resources.jobs, { name: 'pi', namespace }, { propagationPolicy: 'Background' });
    await until(client, resources.pods, namespace, (pods) => pods.length === 0);
  });
});

test('a CronJob starts the Job of the last minute that it missed', async () => {
  const namespace = await newNamespace('cron');
  const cronJob: CronJob = {
    metadata: { name: 'hello', namespace },
    spec: {
      schedule: '@every 1s',
      successfulJobsHistoryLimit: 1,
      jobTemplate: {
        spec: {
          template: {
            metadata: { annotations: { 'exit-code': '0' } },
            spec: { restartPolicy: 'Never', containers: [{ name: 'hello', image: 'busybox' }] },
          },
        },
      },
    },
  };
  await client.create(resources.cronjobs, cronJob);
  await until(client, resources.cronjobs, namespace, ([first]) => Boolean(first?.status?.lastSuccessfulTime));
  const { items } = await client.list(resources.jobs, { namespace });
  expect(items[0]?.metadata?.name).toMatch(/^hello-\d{8}$/);
  expect(Number(items[0]?.metadata?.name?.slice(6))).toBeCloseTo(Date.now() / 60_000, -1);
  await client.delete(resources.cronjobs, { name: 'hello', namespace }, { propagationPolicy: 'Background' });
  await until(client, resources.pods, namespace, (pods) => pods.length === 0);
});

test('a budget counts the pods that may be evicted', async () => {
  const namespace = await newNamespace('budget');
  await client.create(resources.deployments, {
    metadata: { name: 'web', namespace },
    spec: { replicas: 3, selector: { matchLabels: labels }, template: template() },
  });
  await client.create(resources.poddisruptionbudgets, {
    metadata: { name: 'web', namespace },
    spec: { maxUnavailable: '40%', selector: { matchLabels: labels } },
  });
  const [budget] = await until(
    client,
    resources.poddisruptionbudgets,
    namespace,
    ([first]) => first?.status?.currentHealthy === 3,
  );
  expect(budget?.status).toMatchObject({ expectedPods: 3, desiredHealthy: 1, disruptionsAllowed: 2 });
  const { items } = await client.list(resources.pods, { namespace });
  const evict = (pod: Pod | undefined) =>
    client.request('POST', `/api/v1/namespaces/${namespace}/pods/${pod?.metadata?.name}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod?.metadata?.name, namespace },
    });
  await client.patch(resources.poddisruptionbudgets, { name: 'web', namespace }, 'merge', {
    spec: { maxUnavailable: 1 },
  });
  await until(
    client,
    resources.poddisruptionbudgets,
    namespace,
    ([first]) => first?.status?.observedGeneration === 2,
  );
  const outcomes = await Promise.allSettled([evict(items[0]), evict(items[1])]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const refused = outcomes.find((outcome) => outcome.status === 'rejected');
  expect(refused?.reason).toMatchObject({
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    status: {
      code: 429,
      reason: 'TooManyRequests',
      details: {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: 'The disruption budget web needs 2 healthy pods and has 3 currently',
          },
        ],
      },
    },
  });
});

test('Services get addresses from a pool, and give them back', async () => {
  const namespace = await newNamespace('balancer');
  const spec = { type: 'LoadBalancer', ports: [{ port: 80 }] };
  const addresses = async (wanted: Record<string, string | undefined>) => {
    const services = await until(client, resources.services, namespace, (all) =>
      all.every(({ metadata, status }) => {
        return status?.loadBalancer?.ingress?.[0]?.ip === wanted[metadata?.name ?? ''];
      }),
    );
    return services.map(({ metadata }) => metadata?.annotations?.['vethernetes.io/announced-by']);
  };
  await client.create(resources.services, { metadata: { name: 'a', namespace }, spec });
  await addresses({ a: '172.18.250.1' });
  await client.create(resources.services, {
    metadata: { name: 'b', namespace },
    spec: { ...spec, loadBalancerIP: '172.18.250.3' },
  });
  await addresses({ a: '172.18.250.1', b: '172.18.250.3' });
  await client.create(resources.services, { metadata: { name: 'c', namespace }, spec });
  const announcers = await addresses({ a: '172.18.250.1', b: '172.18.250.3', c: '172.18.250.2' });
  for (const node of announcers) expect(node).toMatch(/^(control-plane|worker|worker2)$/);
  await client.create(resources.services, { metadata: { name: 'd', namespace }, spec });
  await until(client, resources.events, namespace, (events) =>
    events.some(
      ({ message }) =>
        message ===
        'Error syncing load balancer: failed to ensure load balancer: no free address in 172.18.250.0/30',
    ),
  );
  await client.patch(resources.services, { name: 'a', namespace }, 'merge', { spec: { type: 'ClusterIP' } });
  await addresses({ a: undefined, b: '172.18.250.3', c: '172.18.250.2', d: '172.18.250.1' });
});

test('nothing went wrong unseen', () => {
  expect(plane.complaints).toEqual([]);
});
