import { resources } from '../../api/scheme.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/types.ts';
import {
  type Check,
  expectThat,
  idle,
  isReady,
  nameOf,
  selector,
  shell,
  template,
  type World,
} from './world.ts';

const { statefulsets, pods, persistentvolumes, persistentvolumeclaims, resourcequotas, configmaps } =
  resources;

/** Cluster-wide, so named after the check's own namespace. */
const volume = (world: World, name: string, storage: string, more: object = {}): Promise<PersistentVolume> =>
  world.make(persistentvolumes, `${world.namespace}-${name}`, {
    spec: {
      capacity: { storage },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: world.namespace,
      hostPath: { path: `/tmp/${world.namespace}-${name}`, type: 'DirectoryOrCreate' },
      ...more,
    },
  });

const claimSpec = (world: World, storage: string) => ({
  accessModes: ['ReadWriteOnce'],
  storageClassName: world.namespace,
  resources: { requests: { storage } },
});

const bound = (world: World, name: string): Promise<PersistentVolumeClaim> =>
  world.until(`claim ${name} is bound`, async () => {
    const found = await world.get(persistentvolumeclaims, name);
    return found.status?.phase === 'Bound' && found;
  });

const sorted = (all: readonly Pod[]) => all.map(nameOf).sort().join();

const readyStateful = (world: World, names: string) =>
  world.until(`ready pods ${names}`, async () => {
    const all = await world.list(pods, 'app=db');
    return sorted(all) === names && all.every(isReady) && all;
  });

export const storageChecks: readonly Check[] = [
  {
    name: 'StatefulSet: pods in order, each with its own claim, back under its name with what it wrote',
    async run(world) {
      for (const name of ['a', 'b']) await volume(world, name, '1Gi');
      const script = 'test -f /data/who || hostname >/data/who; sleep 1000';
      const containers = [{ ...shell(script), volumeMounts: [{ name: 'data', mountPath: '/data' }] }];
      await world.make(statefulsets, 'db', {
        spec: {
          serviceName: 'db',
          replicas: 2,
          selector: selector('db'),
          template: template('db', { containers }),
          volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claimSpec(world, '1Gi') }],
        },
      });
      const [zero, one] = await readyStateful(world, 'db-0,db-1');
      expectThat(
        (zero?.metadata?.creationTimestamp ?? '') <= (one?.metadata?.creationTimestamp ?? ''),
        'db-0 before db-1',
        [zero?.metadata, one?.metadata],
      );
      for (const name of ['data-db-0', 'data-db-1']) await bound(world, name);
      const uid = one?.metadata?.uid;
      await world.remove(pods, 'db-1');
      await world.until('another db-1', async () => {
        const found = await world.find(pods, 'db-1');
        return found !== undefined && found.metadata?.uid !== uid && isReady(found);
      });
      const place = world.cluster.pod('db-1', { namespace: world.namespace });
      const { stdout } = await place.exec(['cat', '/data/who']);
      expectThat(stdout === 'db-1\n', 'what db-1 wrote', stdout);
      await world.patch(statefulsets, 'db', { spec: { replicas: 1 } }, 'scale');
      await readyStateful(world, 'db-0');
      expectThat((await world.list(persistentvolumeclaims)).length === 2, 'both claims stay', 'others');
    },
  },
  {
    name: 'StatefulSet: a rolling update goes down to its partition',
    async run(world) {
      const strategy = { type: 'RollingUpdate', rollingUpdate: { partition: 1 } };
      const spec = { serviceName: 'db', replicas: 2, selector: selector('db'), updateStrategy: strategy };
      await world.make(statefulsets, 'db', { spec: { ...spec, template: template('db') } });
      await readyStateful(world, 'db-0,db-1');
      const annotated = { metadata: { annotations: { release: 'two' } } };
      await world.patch(statefulsets, 'db', { spec: { template: annotated } });
      const releases = async () =>
        (await world.list(pods, 'app=db')).map(({ metadata }) => metadata?.annotations?.release);
      await world.until('db-1 of the second release', async () => (await releases()).includes('two'));
      const all = await readyStateful(world, 'db-0,db-1');
      const zero = all.find((pod) => nameOf(pod) === 'db-0');
      expectThat(zero?.metadata?.annotations?.release === undefined, 'db-0 stays', zero?.metadata);
      await world.patch(statefulsets, 'db', {
        spec: { updateStrategy: { rollingUpdate: { partition: 0 } } },
      });
      await world.until('both of the second release', async () => (await releases()).join() === 'two,two');
    },
  },
  {
    name: 'PersistentVolumes: a claim takes the smallest that is large enough, which is released when it goes',
    async run(world) {
      for (const [name, size] of [
        ['small', '1Gi'],
        ['medium', '5Gi'],
        ['large', '10Gi'],
      ] as const)
        await volume(world, name, size);
      await world.make(persistentvolumeclaims, 'claim', { spec: claimSpec(world, '2Gi') } as never);
      const { spec, metadata } = await bound(world, 'claim');
      expectThat(spec?.volumeName === `${world.namespace}-medium`, 'the medium one', spec);
      expectThat(
        metadata?.finalizers?.includes('kubernetes.io/pvc-protection') === true,
        'protection while it is in use',
        metadata,
      );
      await world.make(pods, 'user', {
        spec: idle({ volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'claim' } }] }),
      });
      await world.until('the pod runs', async () => isReady(await world.get(pods, 'user')));
      await world.remove(persistentvolumeclaims, 'claim');
      const { metadata: marked } = await world.get(persistentvolumeclaims, 'claim');
      expectThat(marked?.deletionTimestamp !== undefined, 'it waits for its pod', marked);
      await world.remove(pods, 'user');
      await world.until(
        'the claim is gone',
        async () => (await world.find(persistentvolumeclaims, 'claim')) === undefined,
      );
      await world.until('its volume is Released', async () => {
        const { status } = await world.get(persistentvolumes, `${world.namespace}-medium`);
        return status?.phase === 'Released';
      });
    },
  },
  {
    name: 'ResourceQuota: what is used is counted, what is too much refused, and what goes is given back',
    async run(world) {
      await world.make(resourcequotas, 'few', { spec: { hard: { 'count/configmaps': '3', pods: '1' } } });
      const used = (wanted: string, resource: string) =>
        world.until(`${wanted} of ${resource} used`, async () => {
          const { status } = await world.get(resourcequotas, 'few');
          return status?.used?.[resource] === wanted;
        });
      await used('1', 'count/configmaps');
      await world.make(pods, 'one', { spec: idle() });
      await used('1', 'pods');
      const second = await world.make(pods, 'two', { spec: idle() }).then(
        () => 'created',
        (error: unknown) => String(error),
      );
      expectThat(/exceeded quota: few/.test(second), 'exceeded quota', second);
      for (const name of ['a', 'b']) await world.make(configmaps, name, {});
      await used('3', 'count/configmaps');
      await world.remove(configmaps, 'a');
      await used('2', 'count/configmaps');
      await world.remove(pods, 'one');
      await used('0', 'pods');
      await world.make(pods, 'two', { spec: idle() });
    },
  },
];
