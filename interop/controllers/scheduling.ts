import { resources } from '../../api/scheme.ts';
import {
  type Check,
  expectThat,
  idle,
  isReady,
  nameOf,
  readyPods,
  selector,
  template,
  type World,
} from './world.ts';

const { pods, deployments, nodes, events, priorityclasses } = resources;

const pending = (world: World, name: string, reason: RegExp) =>
  world.until(`${name} waits because of ${reason}`, async () => {
    const { status, spec } = await world.get(pods, name);
    const why = (status?.conditions ?? []).find(({ type }) => type === 'PodScheduled');
    return spec?.nodeName === undefined && why?.reason === 'Unschedulable' && reason.test(why.message ?? '');
  });

const cpu = (amount: string) => [
  { name: 'main', image: 'registry.k8s.io/pause:3.10', resources: { requests: { cpu: amount } } },
];

export const schedulingChecks: readonly Check[] = [
  {
    name: 'scheduler: a nodeSelector and an affinity lead to the one node, and to none where there is none',
    async run(world) {
      const nodeSelector = { 'kubernetes.io/hostname': 'worker' };
      await world.make(pods, 'chosen', { spec: idle({ nodeSelector }) });
      await world.until('it runs', async () => isReady(await world.get(pods, 'chosen')));
      expectThat((await world.get(pods, 'chosen')).spec?.nodeName === 'worker', 'on worker', nodeSelector);
      await world.make(pods, 'nowhere', { spec: idle({ nodeSelector: { 'example.org/moon': 'yes' } }) });
      await pending(world, 'nowhere', /0\/2 nodes are available/);
      await world.until('an Event says so', async () =>
        (await world.list(events)).some(
          ({ reason, involvedObject }) => reason === 'FailedScheduling' && involvedObject?.name === 'nowhere',
        ),
      );
      await world.patch(nodes, 'worker', { metadata: { labels: { 'example.org/moon': 'yes' } } });
      await world.until('it runs once there is', async () => isReady(await world.get(pods, 'nowhere')));
      await world.patch(nodes, 'worker', { metadata: { labels: { 'example.org/moon': null } } });
    },
  },
  {
    name: 'scheduler: pods that keep apart are on different nodes, and the third waits',
    async run(world) {
      const affinity = {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { labelSelector: selector('apart'), topologyKey: 'kubernetes.io/hostname' },
          ],
        },
      };
      await world.make(deployments, 'apart', {
        spec: { replicas: 2, selector: selector('apart'), template: template('apart', { affinity }) },
      });
      const placed = (await readyPods(world, 'apart', 2)).map(({ spec }) => spec?.nodeName);
      expectThat(new Set(placed).size === 2, 'two nodes', placed);
      await world.patch(deployments, 'apart', { spec: { replicas: 3 } }, 'scale');
      const third = await world.until('a third', async () =>
        (await world.list(pods, 'app=apart')).find(({ spec }) => !spec?.nodeName),
      );
      await pending(world, nameOf(third), /anti-affinity/);
    },
  },
  {
    name: 'scheduler: what does not fit waits, and a pod of more importance takes the place of one of less',
    async run(world) {
      const node = await world.get(nodes, 'worker');
      const capacity = Number(node.status?.allocatable?.cpu ?? '1');
      const most = `${Math.floor(capacity * 600)}m`;
      await world.make(priorityclasses, `${world.namespace}-high`, { value: 1_000 });
      const nodeSelector = { 'kubernetes.io/hostname': 'worker' };
      await world.make(pods, 'low', { spec: idle({ nodeSelector, containers: cpu(most) }) });
      await world.until('the first runs', async () => isReady(await world.get(pods, 'low')));
      await world.make(pods, 'same', { spec: idle({ nodeSelector, containers: cpu(most) }) });
      await pending(world, 'same', /Insufficient cpu/);
      await world.remove(pods, 'same');
      await world.make(pods, 'high', {
        spec: idle({ nodeSelector, containers: cpu(most), priorityClassName: `${world.namespace}-high` }),
      });
      await world.until('the important one runs', async () => isReady(await world.get(pods, 'high')));
      await world.until('the other is gone', async () => (await world.find(pods, 'low')) === undefined);
    },
  },
  {
    name: 'events: controllers and the scheduler tell what they did',
    async run(world) {
      await world.make(deployments, 'told', {
        spec: { replicas: 1, selector: selector('told'), template: template('told') },
      });
      await readyPods(world, 'told', 1);
      await world.until('ScalingReplicaSet, SuccessfulCreate and Scheduled', async () => {
        const reasons = (await world.list(events)).map(({ reason }) => reason);
        return ['ScalingReplicaSet', 'SuccessfulCreate', 'Scheduled'].every((one) => reasons.includes(one));
      });
    },
  },
];
