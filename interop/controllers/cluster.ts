import { generateKeyPairSync } from 'node:crypto';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Node } from '../../api/types.ts';
import { createRequest } from '../../api/x509/request.ts';
import { stateDir } from '../../cluster/state.ts';
import { readLog } from './log.ts';
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

const {
  namespaces,
  configmaps,
  serviceaccounts,
  secrets,
  pods,
  replicasets,
  deployments,
  nodes,
  leases,
  clusterroles,
} = resources;

const gone = (world: World, what: string, ask: () => Promise<unknown>) =>
  world.until(`${what} gone`, async () => (await ask()) === undefined);

/** A ReplicaSet with two pods, which it owns. */
async function owner(world: World): Promise<void> {
  await world.make(replicasets, 'own', {
    spec: { replicas: 2, selector: selector('own'), template: template('own') },
  });
  await readyPods(world, 'own', 2);
}

export const clusterChecks: readonly Check[] = [
  {
    name: 'namespaces: one that is deleted is emptied, and then goes',
    async run(world) {
      const { client, namespace } = world;
      const name = `${namespace}-gone`;
      await client.create(namespaces, { metadata: { name } });
      await client.create(configmaps, { metadata: { name: 'in', namespace: name } });
      await client.create(deployments, {
        metadata: { name: 'web', namespace: name },
        spec: { replicas: 1, selector: selector('web'), template: template('web') },
      });
      await client.create(configmaps, {
        metadata: { name: 'held', namespace: name, finalizers: ['example.org/held'] },
      });
      await world.until(
        'its pod',
        async () => (await client.list(pods, { namespace: name })).items.length === 1,
      );
      await client.delete(namespaces, { name });
      await world.until('it says what remains', async () => {
        const { status } = await client.get(namespaces, { name });
        return (status?.conditions ?? []).some(
          ({ type, status: value }) => type === 'NamespaceFinalizersRemaining' && value === 'True',
        );
      });
      await client.patch(configmaps, { name: 'held', namespace: name }, 'merge', {
        metadata: { finalizers: null },
      });
      await gone(world, 'the namespace', () => ifFound(client.get(namespaces, { name })));
    },
  },
  {
    name: 'service accounts: every namespace has default, the cluster CA, and a token that the API knows',
    async run(world) {
      await world.until('ServiceAccount default', () => world.find(serviceaccounts, 'default'));
      const ca = await world.until('kube-root-ca.crt', () => world.find(configmaps, 'kube-root-ca.crt'));
      expectThat(ca.data?.['ca.crt']?.startsWith('-----BEGIN') === true, 'a certificate', ca.data);
      const secret = await world.until('a Secret with a token', async () => {
        const all = await world.list(secrets);
        return all.find(({ type, data }) => type === 'kubernetes.io/service-account-token' && data?.token);
      });
      const token = Buffer.from(secret.data?.token ?? '', 'base64').toString();
      const review = await world.client.request<{ status?: { user?: { username?: string } } }>(
        'POST',
        '/apis/authentication.k8s.io/v1/tokenreviews',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
      );
      expectThat(
        review.status?.user?.username === `system:serviceaccount:${world.namespace}:default`,
        'the API takes the token for that of the account',
        review.status,
      );
    },
  },
  {
    name: 'garbage collection: what an owner leaves behind goes in the background',
    async run(world) {
      await owner(world);
      await world.remove(replicasets, 'own', 'Background');
      await world.until('its pods are gone', async () => (await world.list(pods, 'app=own')).length === 0);
    },
  },
  {
    name: 'garbage collection: in the foreground an owner waits for what it owns',
    async run(world) {
      await owner(world);
      const [pod] = await world.list(pods, 'app=own');
      await world.patch(pods, nameOf(pod ?? {}), { metadata: { finalizers: ['example.org/held'] } });
      await world.remove(replicasets, 'own', 'Foreground');
      const { metadata } = await world.get(replicasets, 'own');
      expectThat(metadata?.finalizers?.includes('foregroundDeletion') === true, 'it waits', metadata);
      await world.until(
        'the other pod is gone',
        async () => (await world.list(pods, 'app=own')).length === 1,
      );
      await world.patch(pods, nameOf(pod ?? {}), { metadata: { finalizers: null } });
      await gone(world, 'the owner', () => world.find(replicasets, 'own'));
    },
  },
  {
    name: 'garbage collection: orphans stay, without an owner',
    async run(world) {
      await owner(world);
      await world.remove(replicasets, 'own', 'Orphan');
      await gone(world, 'the owner', () => world.find(replicasets, 'own'));
      const left = await readyPods(world, 'own', 2);
      expectThat(!left.some(({ metadata }) => metadata?.ownerReferences), 'two pods of nobody', left);
    },
  },
  {
    name: 'garbage collection: objects of custom kinds own, and are owned',
    async run(world) {
      const { client, namespace } = world;
      const group = `${namespace}.example.org`;
      await client.create(resources.customresourcedefinitions, {
        metadata: { name: `widgets.${group}` },
        spec: {
          group,
          scope: 'Namespaced',
          names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
          versions: [
            { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
          ],
        },
      });
      const path = `/apis/${group}/v1/namespaces/${namespace}/widgets`;
      const make = (name: string, uid?: string) =>
        client.request<{ metadata: { uid: string } }>('POST', path, {
          apiVersion: `${group}/v1`,
          kind: 'Widget',
          metadata: {
            name,
            ...(uid
              ? { ownerReferences: [{ apiVersion: `${group}/v1`, kind: 'Widget', name: 'parent', uid }] }
              : {}),
          },
        });
      const parent = await world.until('the kind is served', () => make('parent').catch(() => undefined));
      await make('child', parent.metadata.uid);
      await client.request('DELETE', `${path}/parent`);
      // It asks every 30 s for kinds that are new.
      await gone(world, 'the child', () => ifFound(client.request('GET', `${path}/child`)));
    },
  },
  {
    name: 'cluster roles: rules of those with the label are put together',
    async run(world) {
      const label = `aggregate.example.org/${world.namespace}`;
      const rule = { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] };
      await world.make(clusterroles, `${world.namespace}-all`, {
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }] },
        rules: [],
      });
      await world.make(
        clusterroles,
        `${world.namespace}-part`,
        { rules: [rule] },
        { labels: { [label]: 'true' } },
      );
      await world.until('its rule is there', async () => {
        const { rules } = await world.get(clusterroles, `${world.namespace}-all`);
        return JSON.stringify(rules ?? []).includes('configmaps');
      });
    },
  },
  {
    name: 'certificates: a request that is approved is signed',
    async run(world) {
      const { certificatesigningrequests } = resources;
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const pem = createRequest(privateKey, { commonName: world.namespace, organizations: [] });
      await world.make(certificatesigningrequests, world.namespace, {
        spec: {
          request: Buffer.from(pem).toString('base64'),
          signerName: 'kubernetes.io/kube-apiserver-client',
          usages: ['client auth'],
        },
      });
      await world.kubectl('certificate', 'approve', world.namespace);
      await world.until('a certificate', async () => {
        const { status } = await world.get(certificatesigningrequests, world.namespace);
        return status?.certificate;
      });
    },
  },
  {
    name: 'bootstrap tokens: cluster-info is signed with them, and those whose time is over go',
    async run(world) {
      const { client } = world;
      const secret = (id: string, expiration: number) => ({
        metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
        type: 'bootstrap.kubernetes.io/token',
        stringData: {
          'token-id': id,
          'token-secret': '0123456789abcdef',
          expiration: new Date(Date.now() + expiration).toISOString(),
          'usage-bootstrap-signing': 'true',
        },
      });
      const ref = { name: 'cluster-info', namespace: 'kube-public' };
      const kubeconfig = 'apiVersion: v1\nkind: Config\n';
      await client.create(configmaps, { metadata: ref, data: { kubeconfig } });
      await client.create(secrets, secret('abcdef', 3_600_000));
      await world.until(
        'a signature',
        async () => (await client.get(configmaps, ref)).data?.['jws-kubeconfig-abcdef'],
      );
      await client.create(secrets, secret('ghijkl', 2_000));
      const name = 'bootstrap-token-ghijkl';
      await gone(world, 'the old one', () =>
        ifFound(client.get(secrets, { name, namespace: 'kube-system' })),
      );
    },
  },
  {
    name: 'nodes: one that comes gets a pod network of its own out of the cluster’s',
    async run(world) {
      await world.make(nodes, 'guest', {});
      const cidr = await world.until(
        'a pod network',
        async () => (await world.get(nodes, 'guest')).spec?.podCIDR,
      );
      expectThat(/^10\.244\.(?!0\.|1\.)\d+\.0\/24$/.test(cidr), 'a /24 that nobody has', cidr);
      await world.remove(nodes, 'guest');
    },
  },
  {
    name: 'leader election: each holds its Lease',
    async run(world) {
      for (const name of ['kube-controller-manager', 'kube-scheduler']) {
        const { spec } = await world.client.get(leases, { name, namespace: 'kube-system' });
        expectThat(
          spec?.holderIdentity?.startsWith('control-plane_') === true,
          `${name} on control-plane`,
          spec,
        );
      }
    },
  },
];

/** The last ones, one after the other: others' pods are moved by them, and logs are whole then. */
export const lastChecks: readonly Check[] = [
  {
    name: 'nodes: one that falls silent is tainted, its pods go elsewhere, and it comes back',
    async run(world) {
      const tolerations = ['not-ready', 'unreachable'].map((condition) => ({
        key: `node.kubernetes.io/${condition}`,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 2,
      }));
      await world.make(deployments, 'web', {
        spec: { replicas: 2, selector: selector('web'), template: template('web', { tolerations }) },
      });
      await readyPods(world, 'web', 2);
      const { attachLab } = await import('../../lab/handle.ts');
      const lab = await attachLab(world.cluster.stateDir);
      const pid = (await lab?.components())?.find(({ name }) => name === 'worker')?.pid;
      if (pid === undefined) throw new Error('the process of node worker is not there');
      process.kill(pid, 'SIGSTOP');
      try {
        const tainted = ({ spec }: Node) =>
          (spec?.taints ?? []).some(({ key }) => key === 'node.kubernetes.io/unreachable');
        await world.until('worker is tainted', async () => tainted(await world.get(nodes, 'worker')));
        await world.until('two ready pods elsewhere', async () => {
          const all = await world.list(pods, 'app=web');
          return all.filter((one) => isReady(one) && one.spec?.nodeName !== 'worker').length === 2;
        });
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await world.until('worker is Ready again, without taints', async () => {
        const { status, spec } = await world.get(nodes, 'worker');
        return (spec?.taints ?? []).length === 0 && isReady({ status } as never);
      });
    },
  },
  {
    name: 'nodes: pods of one that is no more are collected',
    async run(world) {
      await world.make(nodes, 'ghost', {});
      await world.make(pods, 'left', { spec: idle({ nodeName: 'ghost' }) });
      await world.remove(nodes, 'ghost');
      await gone(world, 'its pod', () => world.find(pods, 'left'));
    },
  },
  {
    name: 'what they log: nothing was forbidden to them, nothing unknown, nothing of a form they cannot read',
    async run(world) {
      const { log } = stateDir(world.cluster.stateDir);
      const complaints = [...readLog(log, 'kube-controller-manager'), ...readLog(log, 'kube-scheduler')];
      expectThat(complaints.length === 0, 'no such line', complaints.slice(0, 5));
    },
  },
];

async function ifFound<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
