import { resources } from '../../api/scheme.ts';
import type { Deployment, ReplicaSet } from '../../api/types.ts';
import {
  type Check,
  expectThat,
  idle,
  isReady,
  nameOf,
  readyPods,
  selector,
  shell,
  template,
  type World,
} from './world.ts';

const { deployments, replicasets, replicationcontrollers, daemonsets, pods } = resources;

const web = (replicas: number, app = 'web') => ({
  spec: { replicas, selector: selector(app), template: template(app) },
});

const available = (world: World, name: string, replicas: number): Promise<Deployment> =>
  world.until(`Deployment ${name} with ${replicas} of its newest pods available`, async () => {
    const found = await world.get(deployments, name);
    const { status, metadata } = found;
    const settled =
      status?.observedGeneration === metadata?.generation &&
      (status?.replicas ?? 0) === replicas &&
      (status?.updatedReplicas ?? 0) === replicas &&
      (status?.availableReplicas ?? 0) === replicas;
    return settled && found;
  });

const setVariable = (world: World, value: string) =>
  world.client.patch(deployments, { name: 'web', namespace: world.namespace }, 'strategic', {
    spec: { template: { spec: { containers: [{ name: 'main', env: [{ name: 'RELEASE', value }] }] } } },
  });

const releaseOf = ({ spec }: Pick<ReplicaSet, 'spec'>) =>
  spec?.template?.spec?.containers[0]?.env?.find(({ name }) => name === 'RELEASE')?.value;

export const workloadChecks: readonly Check[] = [
  {
    name: 'Deployment: its pods run on our nodes, and it says that it is available',
    async run(world) {
      await world.make(deployments, 'web', web(4));
      const found = await available(world, 'web', 4);
      const nodes = new Set((await readyPods(world, 'web', 4)).map(({ spec }) => spec?.nodeName));
      expectThat(nodes.size === 2, 'pods on both nodes', [...nodes]);
      const conditions = (found.status?.conditions ?? [])
        .map(({ type, status }) => `${type}=${status}`)
        .sort();
      expectThat(conditions.join() === 'Available=True,Progressing=True', 'both conditions', conditions);
    },
  },
  {
    name: 'Deployment: it is scaled up and down by the subresource scale',
    async run(world) {
      await world.make(deployments, 'web', web(1));
      await available(world, 'web', 1);
      for (const replicas of [5, 2, 0]) {
        await world.patch(deployments, 'web', { spec: { replicas } }, 'scale');
        await available(world, 'web', replicas);
        await readyPods(world, 'web', replicas);
      }
    },
  },
  {
    name: 'Deployment: a rolling update keeps enough pods, and leaves its history',
    async run(world) {
      const strategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } };
      const { spec } = web(4);
      await world.make(deployments, 'web', { spec: { ...spec, strategy } });
      await available(world, 'web', 4);
      await setVariable(world, 'two');
      let fewest = 4;
      await world.until('all pods of the second release', async () => {
        const { status, metadata } = await world.get(deployments, 'web');
        fewest = Math.min(fewest, status?.availableReplicas ?? 0);
        const isSeen = status?.observedGeneration === metadata?.generation;
        return (
          isSeen && status?.updatedReplicas === 4 && status.availableReplicas === 4 && status.replicas === 4
        );
      });
      expectThat(fewest >= 3, 'never fewer than three available pods', fewest);
      const history = (await world.list(replicasets)).map((set) => [
        set.metadata?.annotations?.['deployment.kubernetes.io/revision'],
        releaseOf(set) ?? null,
        set.spec?.replicas,
      ]);
      expectThat(
        JSON.stringify(history.sort()) === '[["1",null,0],["2","two",4]]',
        'two ReplicaSets with their revisions',
        history,
      );
    },
  },
  {
    name: 'Deployment: kubectl rollout undo goes back to the first release',
    async run(world) {
      await world.make(deployments, 'web', web(2));
      await available(world, 'web', 2);
      await setVariable(world, 'two');
      await world.until('the second release', async () => {
        const { status, metadata } = await world.get(deployments, 'web');
        return status?.observedGeneration === metadata?.generation && status?.updatedReplicas === 2;
      });
      await world.kubectl('rollout', 'status', '-n', world.namespace, 'deployment/web');
      await world.kubectl('rollout', 'undo', '-n', world.namespace, 'deployment/web');
      await world.kubectl('rollout', 'status', '-n', world.namespace, 'deployment/web');
      const { spec, metadata } = await world.get(deployments, 'web');
      expectThat(releaseOf({ spec } as ReplicaSet) === undefined, 'the first template', spec?.template);
      const revision = await world.until('revision 3', async () => {
        const { metadata: now } = await world.get(deployments, 'web');
        return now?.annotations?.['deployment.kubernetes.io/revision'] === '3';
      });
      expectThat(revision, 'revision 3', metadata?.annotations);
    },
  },
  {
    name: 'Deployment: one that is paused waits, and one that cannot go on says so',
    async run(world) {
      const { spec } = web(2);
      await world.make(deployments, 'web', { spec: { ...spec, progressDeadlineSeconds: 3 } });
      await available(world, 'web', 2);
      await world.patch(deployments, 'web', { spec: { paused: true } });
      await setVariable(world, 'two');
      await world.until('the pause is seen', async () => {
        const { status, metadata } = await world.get(deployments, 'web');
        return status?.observedGeneration === metadata?.generation;
      });
      expectThat(
        (await world.list(replicasets)).length === 1,
        'one ReplicaSet',
        await world.list(replicasets),
      );
      await world.patch(deployments, 'web', {
        spec: { paused: false, template: { spec: { nodeSelector: { nowhere: 'yes' } } } },
      });
      await world.until('ProgressDeadlineExceeded', async () =>
        ((await world.get(deployments, 'web')).status?.conditions ?? []).some(
          ({ reason }) => reason === 'ProgressDeadlineExceeded',
        ),
      );
    },
  },
  {
    name: 'Deployment: Recreate ends all pods before it starts new ones',
    async run(world) {
      const { spec } = web(2);
      await world.make(deployments, 'web', { spec: { ...spec, strategy: { type: 'Recreate' } } });
      const before = new Set((await readyPods(world, 'web', 2)).map(nameOf));
      await setVariable(world, 'two');
      const after = await world.until('two new pods', async () => {
        const all = await world.list(pods, 'app=web');
        const mixed =
          all.some((one) => before.has(nameOf(one))) && all.some((one) => !before.has(nameOf(one)));
        if (mixed) throw new Error(`old pods beside new ones: ${all.map(nameOf)}`);
        return all.length === 2 && all.every((one) => !before.has(nameOf(one)) && isReady(one)) && all;
      });
      expectThat(after.length === 2, 'two pods', after.map(nameOf));
    },
  },
  {
    name: 'ReplicaSet: a pod that goes is replaced, one that matches is adopted, one that does not any more is let go',
    async run(world) {
      await world.make(pods, 'orphan', { spec: idle() }, { labels: { app: 'set' } });
      await world.make(replicasets, 'set', web(3, 'set'));
      const [first] = await readyPods(world, 'set', 3);
      const { metadata } = await world.get(pods, 'orphan');
      expectThat(metadata?.ownerReferences?.[0]?.kind === 'ReplicaSet', 'the orphan is adopted', metadata);
      await world.remove(pods, nameOf(first ?? {}));
      await world.until(
        'the pod is gone',
        async () => (await world.find(pods, nameOf(first ?? {}))) === undefined,
      );
      const three = await readyPods(world, 'set', 3);
      const leaving = nameOf(three[0] ?? {});
      await world.patch(pods, leaving, { metadata: { labels: { app: 'other' } } });
      await readyPods(world, 'set', 3);
      await world.until(
        'it has no owner',
        async () => !(await world.get(pods, leaving)).metadata?.ownerReferences,
      );
    },
  },
  {
    name: 'ReplicationController: its pods run, and scale',
    async run(world) {
      await world.make(replicationcontrollers, 'old', {
        spec: { replicas: 2, selector: { app: 'old' }, template: template('old') },
      });
      await readyPods(world, 'old', 2);
      await world.patch(replicationcontrollers, 'old', { spec: { replicas: 1 } }, 'scale');
      await readyPods(world, 'old', 1);
    },
  },
  {
    name: 'DaemonSet: a pod on every node, updated one after the other, and on chosen nodes alone when told so',
    async run(world) {
      await world.make(daemonsets, 'agent', {
        spec: { selector: selector('agent'), template: template('agent') },
      });
      const first = await readyPods(world, 'agent', 2);
      const nodes = first.map(({ spec }) => spec?.nodeName).sort();
      expectThat(nodes.join() === 'control-plane,worker', 'one on each node', nodes);
      await world.patch(daemonsets, 'agent', {
        spec: { template: { metadata: { annotations: { release: 'two' } } } },
      });
      await world.until('both are of the new template', async () => {
        const { status, metadata } = await world.get(daemonsets, 'agent');
        const isSeen = status?.observedGeneration === metadata?.generation;
        return isSeen && status?.updatedNumberScheduled === 2 && status.numberReady === 2;
      });
      await world.patch(daemonsets, 'agent', {
        spec: { template: { spec: { nodeSelector: { 'kubernetes.io/hostname': 'worker' } } } },
      });
      const [only] = await readyPods(world, 'agent', 1);
      expectThat(only?.spec?.nodeName === 'worker', 'the one on worker stays', only?.spec?.nodeName);
      expectThat((await world.list(resources.controllerrevisions)).length === 3, 'three revisions', 'others');
    },
  },
  {
    name: 'Deployment: a pod that is not ready does not count as available',
    async run(world) {
      const script = 'sleep 1000';
      const probe = { exec: { command: ['cat', '/tmp/ready'] }, periodSeconds: 1 };
      const containers = [{ ...shell(script), readinessProbe: probe }];
      await world.make(deployments, 'web', {
        spec: { replicas: 1, selector: selector('web'), template: template('web', { containers }) },
      });
      const pod = await world.until('its pod runs', async () => {
        const [found] = await world.list(pods, 'app=web');
        return found?.status?.phase === 'Running' && found;
      });
      const { status } = await world.get(deployments, 'web');
      expectThat((status?.availableReplicas ?? 0) === 0, 'none available', status);
      await world.cluster.pod(nameOf(pod), { namespace: world.namespace }).exec(['touch', '/tmp/ready']);
      await available(world, 'web', 1);
    },
  },
];
