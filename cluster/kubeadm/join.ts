import { rmSync } from 'node:fs';
import { addressAt, parseCidr } from '../../api/address.ts';
import { type BootstrapToken, parseBootstrapToken, parsePublicKeyHash } from '../../api/bootstrap-token.ts';
import { type Client, createClient } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Node } from '../../api/types.ts';
import type { Lab } from '../../lab/handle.ts';
import { changeSpec } from '../change-spec.ts';
import { nodeComponents } from '../cluster.ts';
import { adminConfig } from '../credentials.ts';
import { OptionError } from '../option-error.ts';
import { type ClusterSpec, mostNodes, type NodeSpec, underlay } from '../spec.ts';
import type { StateDir } from '../state.ts';
import { bootstrapLabNode } from './bootstrap.ts';
import { nodeFolder } from './credentials.ts';
import { discover } from './discovery.ts';
import { findLab } from './find-lab.ts';
import { apiEndpoint } from './init.ts';
import { nodeReady } from './ready.ts';

/** What `v9s join` is told; as it is typed. */
export interface JoinOptions {
  /** `HOST:PORT` of the API, as nodes call it. */
  endpoint: string;
  token: string;
  /** `sha256:…`, at least one unless that is not to be looked at. */
  hashes: readonly string[];
  skipCaVerification?: boolean;
  /** Default the next of `worker`, `worker2`, … */
  nodeName?: string;
  /** Of the cluster, where several have that endpoint. */
  cluster?: string;
  /** Where the cluster's files are, when that is known. */
  stateDir?: string;
  /** Milliseconds for discovery. */
  timeout?: number;
  /** Told what is done. */
  onStep?: (text: string) => void;
}

/** A node that came to a running lab. */
export interface Joined {
  cluster: string;
  node: string;
}

/** kubeadm waits five minutes for an API that is just being started; ours is there. */
const discoveryTimeout = 3_000;
const readyTimeout = 60_000;

/**
 * Adds a node to a running lab of this user: discovery and the request for a certificate by the token alone, as on any
 * machine; then a network namespace of its own, and a node-agent with the credentials that were given. Resolves when
 * the node is Ready. On failure nothing is left. Upstream: `kubeadm join`.
 */
export async function joinLab(options: JoinOptions): Promise<Joined> {
  const { onStep = () => undefined, timeout = discoveryTimeout } = options;
  const token = parseBootstrapToken(options.token);
  const hashes = pinned(options);
  const { state, spec, lab } = await findLab(options);
  const server = `https://127.0.0.1:${spec.apiPort}`;
  onStep(`[discovery] asking ${options.endpoint} for cluster-info`);
  const { ca } = await discover({ server, endpoint: options.endpoint, token, hashes, timeout });
  const node = await reserve(state, { server, ca, token }, options.nodeName);
  const undo: (() => Promise<unknown> | unknown)[] = [
    () => release(state, node.name),
    () => rmSync(nodeFolder(state, node.name), { recursive: true, force: true }),
  ];
  const admin = createClient(adminConfig(state, spec.apiPort));
  try {
    onStep(`[kubelet-start] requesting a certificate for node ${node.name}`);
    const nodeServer = `https://${apiEndpoint(spec.nodes[0]?.address ?? '')}`;
    await bootstrapLabNode({ state, node, server, nodeServer, ca, token });
    undo.push(() => admin.delete(resources.nodes, { name: node.name }).catch(ifThere));
    onStep(`[kubelet-start] starting node ${node.name} at ${node.address}`);
    await lab.addNode(labNode(node), await nodeComponents(spec, node.name, state));
    undo.push(() => lab.removeNode(node.name));
    await ready(admin, spec, node.name, lab);
    return { cluster: spec.name, node: node.name };
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  } finally {
    admin.close();
  }
}

/** The hashes as they are compared. Throws {@link OptionError} where none is given and that was not said. */
export function pinned({ hashes, skipCaVerification = false }: JoinOptions): string[] {
  if (hashes.length === 0 && !skipCaVerification)
    throw new OptionError(
      'discovery-token-ca-cert-hash',
      '',
      'the hash that v9s init printed; --discovery-token-unsafe-skip-ca-verification trusts whoever knows the token',
    );
  return hashes.map(parsePublicKeyHash);
}

/** A place in the cluster: until it is given back, nobody else gets the name or the address. */
async function reserve(
  state: StateDir,
  access: { server: string; ca: string; token: BootstrapToken },
  wanted: string | undefined,
): Promise<NodeSpec> {
  const { id, secret } = access.token;
  const client = createClient({ server: access.server, ca: access.ca, token: `${id}.${secret}` });
  try {
    for (const taken = new Set<string>(); ; ) {
      const node = await changeSpec(state, (spec) => {
        const added = nextNode(spec, wanted, taken);
        spec.nodes.push(added);
        return added;
      });
      const there = await nodeOf(client, node.name).catch(async (error: unknown) => {
        await release(state, node.name);
        throw error;
      });
      // One that was reset may be had again under its name.
      if (!there || (wanted !== undefined && !isReady(there))) return node;
      await release(state, node.name);
      taken.add(node.name);
      if (wanted !== undefined) throw nameTaken(wanted);
    }
  } finally {
    client.close();
  }
}

/** Throws where a Node of that name is Ready: one that was reset may be had again. */
export async function requireFreeName(client: Client, name: string): Promise<void> {
  const there = await nodeOf(client, name);
  if (there && isReady(there)) throw nameTaken(name);
}

const nameTaken = (name: string) =>
  new Error(
    `a Node with name ${JSON.stringify(name)} and status "Ready" already exists in the cluster; delete it (kubectl delete node ${name}) or choose another --node-name`,
  );

const release = (state: StateDir, name: string) =>
  changeSpec(state, (spec) => {
    spec.nodes = spec.nodes.filter((node) => node.name !== name);
  });

/** The first name and the first address that are free. */
export function nextNode(
  spec: ClusterSpec,
  wanted?: string,
  taken: ReadonlySet<string> = new Set(),
): NodeSpec {
  const names = new Set([...taken, ...spec.nodes.map(({ name }) => name)]);
  if (wanted !== undefined && names.has(wanted))
    throw new OptionError('node-name', wanted, `cluster ${spec.name} has a node of that name`);
  if (spec.nodes.length >= mostNodes)
    throw new Error(
      `cluster ${spec.name} has ${mostNodes} nodes, more than that the bridge between them cannot take`,
    );
  let name = wanted ?? 'worker';
  for (let number = 2; names.has(name); number++) name = `worker${number}`;
  const addresses = new Set(spec.nodes.map(({ address }) => address));
  let index = 2;
  while (addresses.has(addressAt(parseCidr(underlay.cidr), index))) index++;
  const hasIpv6 = spec.nodes.some(({ address6 }) => address6 !== undefined);
  return {
    name,
    address: addressAt(parseCidr(underlay.cidr), index),
    ...(hasIpv6 ? { address6: addressAt(parseCidr(underlay.cidr6), index) } : {}),
    labels: {},
    taints: [],
    joined: true,
  };
}

function nodeOf(client: Client, name: string): Promise<Node | undefined> {
  return client.get(resources.nodes, { name }).catch((error: unknown) => {
    if (hasReason(error, 'NotFound')) return undefined;
    if (hasReason(error, 'Unauthorized'))
      throw new Error(
        'the API does not take the bootstrap token: it has expired, or is not for authentication; v9s token list shows those that are good',
        { cause: error },
      );
    throw error;
  });
}

const isReady = ({ status }: Node) =>
  (status?.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True');

const labNode = ({ name, address, address6 }: NodeSpec) => ({
  name,
  address,
  ...(address6 === undefined ? {} : { address6 }),
});

/** The end of the node's log says why it is not. */
async function ready(client: Client, spec: ClusterSpec, name: string, lab: Lab): Promise<void> {
  try {
    await nodeReady(client, spec, name, readyTimeout);
  } catch (error) {
    throw new Error(`node ${name} did not become Ready; see ${lab.stateDir}/log/${name}.log`, {
      cause: error,
    });
  }
}

function ifThere(error: unknown): void {
  if (!hasReason(error, 'NotFound')) throw error;
}
