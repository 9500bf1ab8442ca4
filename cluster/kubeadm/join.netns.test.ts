import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type { Node, Pod } from '../../api/types.ts';
import { missingFeatures } from '../../kernel/features.ts';
import { attachLab } from '../../lab/handle.ts';
import { changeSpec } from '../change-spec.ts';
import { startCluster } from '../cluster.ts';
import type { Cluster, Place } from '../handle.ts';
import type { NodeSpec } from '../spec.ts';
import { stateDir } from '../state.ts';
import { grantJoining, initCluster } from './init.ts';
import { type JoinOptions, joinLab } from './join.ts';
import { resetNodeIn } from './reset.ts';
import { createToken, grantOf, listTokens } from './tokens.ts';

let folder = '';
let cluster: Cluster;
let line: Pick<JoinOptions, 'endpoint' | 'token' | 'hashes' | 'stateDir'>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-join-'));
  const started = await initCluster({ name: 'joined', nodeName: 'd2', stateDir: folder });
  cluster = started.cluster;
  line = readLine(started.joinCommand);
});

afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function readLine(command: string): typeof line {
  const [, endpoint = '', token = '', hash = ''] =
    /^v9s join (\S+) --name joined --token (\S+) --discovery-token-ca-cert-hash (\S+)$/.exec(command) ?? [];
  return { endpoint, token, hashes: [hash], stateDir: folder };
}

const spec = () => JSON.parse(readFileSync(stateDir(folder).spec, 'utf8'));
const namesInSpec = () => spec().nodes.map(({ name }: { name: string }) => name);

/** What a node that joins could leave. */
async function traces(): Promise<unknown> {
  const lab = await attachLab(folder);
  const look = 'ip -brief link | cut -d" " -f1; ls /run/netns /run/v9s/uts /run/v9s/nodes; cat /proc/mounts';
  const [inside, { items }] = await Promise.all([
    lab?.enter(['sh', '-c', look]),
    cluster.client.list(resources.nodes),
  ]);
  return {
    inside: inside?.stdout,
    components: (await lab?.components())?.map(({ name }) => name),
    objects: items.map(({ metadata }) => metadata?.name),
    spec: namesInSpec(),
    certificates: existsSync(join(folder, 'nodes', 'v1')),
  };
}

/** A pod of a node, up and with an address. */
async function podOn(node: string, name: string): Promise<string> {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName: node,
      containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }],
      terminationGracePeriodSeconds: 0,
    },
  };
  await cluster.apply([pod]);
  const [ready] = await cluster.waitFor<Pod>(`pods/${name}`, 'Ready');
  return ready?.status?.podIP ?? '';
}

/** Until it answers: routes follow the Nodes. */
async function ping(place: Place, address: string): Promise<number> {
  const patient = `for i in $(seq 100); do ping -c1 -W1 ${address} >/dev/null && exit; sleep 0.05; done; exit 1`;
  return (await place.exec(['sh', '-c', patient], { allowFailure: true })).exitCode;
}

it.each<[string, (given: typeof line) => Partial<JoinOptions> | Promise<Partial<JoinOptions>>, string]>([
  [
    'a wrong secret',
    ({ token }) => ({ token: `${token.slice(0, 7)}${'0'.repeat(16)}` }),
    'failed to verify the JWS signature',
  ],
  [
    'a token that nobody made',
    () => ({ token: `aaaaaa.${'0'.repeat(16)}`, timeout: 100 }),
    'could not find a JWS signature in the cluster-info ConfigMap for token ID "aaaaaa"',
  ],
  ['a token that is over', () => endedToken(), 'could not find a JWS signature'],
  ['a token that does not sign in', () => signingToken(), 'the API does not take the bootstrap token'],
  [
    'the hash of another CA',
    () => ({ hashes: [`sha256:${'0'.repeat(64)}`] }),
    'cluster CA found in cluster-info ConfigMap is invalid',
  ],
  ['no hash', () => ({ hashes: [] }), 'discovery-token-ca-cert-hash'],
  ['a hash of another kind', () => ({ hashes: ['md5:00'] }), 'unknown hash format "md5"'],
  [
    'another endpoint',
    () => ({ endpoint: '172.18.0.9:6443' }),
    'no lab of this user has its API at 172.18.0.9:6443; there are 172.18.0.2:6443 (joined)',
  ],
  ['no endpoint', () => ({ endpoint: 'there' }), 'endpoint: invalid value "there"'],
  ['a name that is taken', () => ({ nodeName: 'd2' }), 'cluster joined has a node of that name'],
])('%s: it is refused, and leaves nothing', async (_, change, why) => {
  const before = await traces();
  await expect(joinLab({ ...line, nodeName: 'v1', ...(await change(line)) })).rejects.toThrow(why);
  expect(await traces()).toEqual(before);
});

async function endedToken(): Promise<Partial<JoinOptions>> {
  const grant = grantOf({ ttl: '1s' });
  await createToken(cluster.client, grant);
  const { id, secret } = grant.token;
  const isThere = async () => (await listTokens(cluster.client)).some(({ token }) => token.id === id);
  for (let tries = 0; tries < 200 && (await isThere()); tries++) await delay(50);
  return { token: `${id}.${secret}`, timeout: 100 };
}

async function signingToken(): Promise<Partial<JoinOptions>> {
  const grant = grantOf({ usages: ['signing'] });
  await createToken(cluster.client, grant);
  const { id, secret } = grant.token;
  return { token: `${id}.${secret}` };
}

it('a node joins, pods on both reach each other, it is started again when killed, and its reset leaves nothing', async () => {
  const before = await traces();
  await joinLab({ ...line, nodeName: 'v1' });
  const { stdout: nodes } = await cluster.kubectl(['get', 'nodes']);
  expect(nodes).toMatch(/^v1 +Ready +<none> /m);
  const [near, far] = [await podOn('d2', 'near'), await podOn('v1', 'far')];
  expect(near).toMatch(/^10\.244\.0\./);
  expect(far).toMatch(/^10\.244\.1\./);
  expect(await ping(cluster.pod('near'), far)).toBe(0);
  expect(await ping(cluster.pod('far'), near)).toBe(0);
  expect(await cluster.logs('far')).toBe('');

  const lab = await attachLab(folder);
  const agent = async () => (await lab?.components())?.find(({ name }) => name === 'v1');
  const first = (await agent())?.pid ?? 0;
  process.kill(first, 'SIGKILL');
  for (let tries = 0; tries < 200 && ((await agent())?.pid ?? first) === first; tries++) await delay(25);
  expect((await agent())?.restarts).toBe(1);
  await podOn('v1', 'later');
  expect(await ping(cluster.pod('near'), far)).toBe(0);

  await resetNodeIn(stateDir(folder), 'v1');
  await cluster.client.delete(resources.pods, { name: 'near', namespace: 'default' });
  await cluster.waitFor<Pod>('pods', (pods) => pods.every(({ metadata }) => metadata?.name !== 'near'));
  // The pod's network goes a little later than its object.
  await vi.waitFor(async () =>
    expect(await traces()).toEqual({ ...(before as object), objects: ['d2', 'v1'] }),
  );
  await cluster.client.delete(resources.nodes, { name: 'v1' });
  const gone = 'for i in $(seq 100); do ip route | grep -q 10.244.1.0/24 || exit 0; sleep 0.05; done; exit 1';
  await cluster.node('d2').exec(['sh', '-c', gone]);
  await expect(resetNodeIn(stateDir(folder), 'd2')).rejects.toThrow('there is none');
});

it('those that join at once get places of their own, and come back with the cluster', async () => {
  const joined = await Promise.all([joinLab(line), joinLab(line)]);
  expect(joined.map(({ node }) => node).sort()).toEqual(['worker', 'worker2']);
  const addresses = spec().nodes.map(({ address }: { address: string }) => address);
  expect(new Set(addresses).size).toBe(3);
  const certificate = () => readFileSync(join(folder, 'nodes/worker/pki/kubelet-client-current.pem'), 'utf8');
  const before = certificate();
  // A join that was killed half-way has left a name.
  const half: NodeSpec = { name: 'half', address: '172.18.0.9', labels: {}, taints: [], joined: true };
  await changeSpec(stateDir(folder), (now) => void now.nodes.push(half));
  await cluster.stop();

  cluster = await startCluster({ name: 'joined', stateDir: folder });
  expect(namesInSpec().sort()).toEqual(['d2', 'worker', 'worker2']);
  expect(certificate()).toBe(before);
  await cluster.waitFor<Node>('nodes', 'Ready');
  await podOn('worker2', 'again');
  await changeSpec(stateDir(folder), (now) => void now.nodes.push(half));
  await resetNodeIn(stateDir(folder), 'half');
  expect(namesInSpec().sort()).toEqual(['d2', 'worker', 'worker2']);
  // A name may be had again when its Node is gone.
  await resetNodeIn(stateDir(folder), 'worker');
  await cluster.client.delete(resources.nodes, { name: 'worker' });
  expect((await joinLab(line)).node).toBe('worker');
});

const [withoutTun] = await missingFeatures(['tun']);
if (withoutTun) console.log(`skipped where it needs a TUN device: ${withoutTun.message}`);

it.each(withoutTun ? (['host-gw'] as const) : (['host-gw', 'udp'] as const))(
  'overlay %s follows nodes that come and go',
  async (overlay) => {
    await using other = await startCluster({ name: 'other', nodes: 1, overlay });
    const [, endpoint = '', token = '', hash = ''] =
      /join (\S+) .*--token (\S+) --\S+ (\S+)$/.exec(await grantJoining(other, grantOf({}))) ?? [];
    await joinLab({ endpoint, token, hashes: [hash], stateDir: other.stateDir });
    const first = other.node('control-plane');
    expect(await ping(first, '10.244.1.1')).toBe(0);
    await resetNodeIn(stateDir(other.stateDir), 'worker');
    await other.client.delete(resources.nodes, { name: 'worker' });
    // What udp's program was told shows in no table.
    const gone =
      'for i in $(seq 100); do ip route | grep -q 10.244.1.0/24 || exit 0; sleep 0.05; done; exit 1';
    await first.exec(['sh', '-c', gone]);
    await joinLab({ endpoint, token, hashes: [hash], stateDir: other.stateDir, nodeName: 'later' });
    const [later] = await other.waitFor<Node>('nodes/later', 'Ready');
    expect(await ping(first, later?.spec?.podCIDR?.replace('.0/24', '.1') ?? '')).toBe(0);
  },
);
