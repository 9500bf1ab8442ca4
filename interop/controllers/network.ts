import { resources } from '../../api/scheme.ts';
import type { EndpointSlice } from '../../api/types.ts';
import { type Check, expectThat, readyPods, selector, shell, template, type World } from './world.ts';

const {
  services,
  endpoints,
  endpointslices,
  deployments,
  poddisruptionbudgets,
  pods,
  horizontalpodautoscalers,
} = resources;

const nginx = { name: 'main', image: 'nginx' };

const webWith = (replicas: number) => ({
  spec: { replicas, selector: selector('web'), template: template('web', { containers: [nginx] }) },
});

const sliceAddresses = (slices: readonly EndpointSlice[]) =>
  slices
    .flatMap((slice) => slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses)
    .sort()
    .join();

async function bothSay(world: World, addresses: string): Promise<void> {
  await world.until(`Endpoints and EndpointSlices of ${addresses || 'nobody'}`, async () => {
    const held = await world.find(endpoints, 'web');
    const ips = (held?.subsets ?? []).flatMap((subset) => (subset.addresses ?? []).map(({ ip }) => ip));
    const slices = await world.list(endpointslices, 'kubernetes.io/service-name=web');
    return ips.sort().join() === addresses && sliceAddresses(slices) === addresses;
  });
}

export const networkChecks: readonly Check[] = [
  {
    name: 'Endpoints and EndpointSlices: they follow the pods of a Service, which answers on our nodes',
    async run(world) {
      await world.make(deployments, 'web', webWith(3));
      const made = await world.make(services, 'web', {
        spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 80 }] },
      });
      const ips = (await readyPods(world, 'web', 3)).map(({ status }) => status?.podIP ?? '').sort();
      await bothSay(world, ips.join());
      const [slice] = await world.list(endpointslices, 'kubernetes.io/service-name=web');
      const nodes = (slice?.endpoints ?? []).map(({ nodeName }) => nodeName);
      expectThat(nodes.every(Boolean), 'the node of each endpoint', slice?.endpoints);
      await world.until('an answer of its address', async () => {
        const ask = ['curl', '-s', '--max-time', '2', `http://${made.spec?.clusterIP}/`];
        const { stdout } = await world.cluster.node('worker').exec(ask, { allowFailure: true });
        return stdout.includes('nginx');
      });
      await world.patch(deployments, 'web', { spec: { replicas: 0 } }, 'scale');
      await bothSay(world, '');
    },
  },
  {
    name: 'Endpoints: a pod that is not ready stands among notReadyAddresses',
    async run(world) {
      const readinessProbe = { exec: { command: ['false'] }, periodSeconds: 1 };
      const containers = [{ ...shell('sleep 1000'), readinessProbe }];
      await world.make(
        pods,
        'slow',
        { spec: { ...template('web', { containers }).spec } },
        { labels: { app: 'web' } },
      );
      await world.make(services, 'web', { spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } });
      await world.until('it stands there', async () => {
        const [subset] = (await world.find(endpoints, 'web'))?.subsets ?? [];
        return subset?.notReadyAddresses?.length === 1 && subset.addresses === undefined;
      });
      await world.until('its slice says not ready', async () => {
        const [slice] = await world.list(endpointslices, 'kubernetes.io/service-name=web');
        return slice?.endpoints?.[0]?.conditions?.ready === false;
      });
    },
  },
  {
    name: 'EndpointSlices: Endpoints written by hand are mirrored',
    async run(world) {
      await world.make(services, 'far', { spec: { ports: [{ port: 80 }] } });
      await world.make(endpoints, 'far', {
        subsets: [{ addresses: [{ ip: '192.0.2.7' }], ports: [{ port: 80 }] }],
      });
      await world.until('a slice with the address', async () => {
        const slices = await world.list(endpointslices, 'kubernetes.io/service-name=far');
        return sliceAddresses(slices) === '192.0.2.7';
      });
      await world.remove(services, 'far');
      await world.until('no slice any more', async () => {
        const slices = await world.list(endpointslices, 'kubernetes.io/service-name=far');
        return slices.length === 0;
      });
    },
  },
  {
    name: 'PodDisruptionBudget: evictions are let through and refused as it says',
    async run(world) {
      await world.make(deployments, 'web', webWith(2));
      const [first, second] = await readyPods(world, 'web', 2);
      await world.make(poddisruptionbudgets, 'one', { spec: { minAvailable: 1, selector: selector('web') } });
      const allowed = (count: number) =>
        world.until(`${count} disruptions allowed`, async () => {
          const { status } = await world.get(poddisruptionbudgets, 'one');
          return status?.disruptionsAllowed === count && status.expectedPods === 2;
        });
      await allowed(1);
      const evict = (name = '') =>
        world.client
          .request('POST', `/api/v1/namespaces/${world.namespace}/pods/${name}/eviction`, {
            apiVersion: 'policy/v1',
            kind: 'Eviction',
            metadata: { name, namespace: world.namespace },
          })
          .then(
            () => 'evicted',
            (error: unknown) => String(error),
          );
      const one = await evict(first?.metadata?.name);
      expectThat(one === 'evicted', 'the first may go', one);
      const two = await evict(second?.metadata?.name);
      expectThat(/disruption budget/.test(two), 'the second may not', two);
      await readyPods(world, 'web', 2);
      await allowed(1);
    },
  },
  {
    name: 'HorizontalPodAutoscaler: without metrics it keeps to its limits, and says what it lacks',
    async run(world) {
      await world.make(deployments, 'web', webWith(1));
      await world.make(horizontalpodautoscalers, 'web', {
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
          minReplicas: 2,
          maxReplicas: 3,
          metrics: [
            {
              type: 'Resource',
              resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
            },
          ],
        },
      });
      await readyPods(world, 'web', 2);
      await world.until('it says that metrics are missing', async () => {
        const { status } = await world.get(horizontalpodautoscalers, 'web');
        return (status?.conditions ?? []).some(
          ({ type, status: value }) => type === 'ScalingActive' && value === 'False',
        );
      });
    },
  },
];
