import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, createClient } from '../../api/client.ts';
import { serverListens } from '../../api/listening.ts';
import type { KubeObject } from '../../api/object.ts';
import { resourceOf } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Namespace } from '../../api/types.ts';
import { dnsRoles } from '../addons.ts';
import { clientConfig } from '../credentials.ts';
import { initialObjects } from '../initial-objects.ts';
import { apiserverPort, type ClusterSpec, type NodeSpec } from '../spec.ts';
import { type StateDir, writeWhole } from '../state.ts';

export interface ForeignApiOptions {
  readonly spec: ClusterSpec;
  readonly state: StateDir;
  /** The control plane that the apiserver and this process are on. */
  readonly node: NodeSpec;
  /** File descriptor of the socket on the host's loopback. */
  readonly inheritedSocket: number;
}

/**
 * Where a kube-apiserver serves the cluster in the place of ours: leads the host's port to it, and writes what a new
 * cluster begins with. Gives a client with the administrator's rights, whose requests wait for that apiserver.
 */
export async function reachForeignApi(
  { spec, state, node, inheritedSocket }: ForeignApiOptions,
  signal: AbortSignal,
): Promise<Client> {
  const at = { host: node.address, port: apiserverPort };
  const relay = createServer((incoming) => {
    const outgoing = connect(at);
    // One end that breaks ends the other.
    incoming.on('error', () => outgoing.destroy()).pipe(outgoing);
    outgoing.on('error', () => incoming.destroy()).pipe(incoming);
  });
  relay.listen({ fd: inheritedSocket });
  signal.addEventListener('abort', () => relay.close(), { once: true });
  const client = createClient({
    ...clientConfig(state, 'admin', `https://${at.host}:${at.port}`),
    after: serverListens(at, { signal, patience }),
  });
  const written = join(state.root, 'initial-objects-written');
  if (node === spec.nodes[0] && !existsSync(written))
    void writeAll(client, spec, signal).then(
      () => writeWhole(written, ''),
      (error: unknown) => {
        if (!signal.aborted) throw error;
      },
    );
  return client;
}

/** Milliseconds: an apiserver waits for its etcd first. */
const patience = 60_000;

/** An apiserver of old makes them some time after it answers, and when that fails, a minute later. */
const namespaces: readonly Namespace[] = ['default', 'kube-system', 'kube-public', 'kube-node-lease'].map(
  (name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  }),
);

async function writeAll(client: Client, spec: ClusterSpec, signal: AbortSignal): Promise<void> {
  const roles = spec.clusterDns.length > 0 ? dnsRoles() : [];
  let told = '';
  for (const object of [...namespaces, ...initialObjects(spec), ...roles]) {
    for (;;) {
      try {
        await ensure(client, object);
        break;
      } catch (error) {
        // Namespaces and what admits objects come some time after the first answer.
        const text = `${object.kind} ${object.metadata?.name}: ${error}`;
        if (text !== told) process.stderr.write(`${text}\n`);
        told = text;
        await delay(100, undefined, { signal });
      }
    }
  }
}

async function ensure(client: Client, object: KubeObject): Promise<void> {
  const { apiVersion = '', kind = '', metadata } = object;
  const resource = resourceOf(apiVersion, kind);
  if (!resource) throw new Error(`initial object of unknown kind: ${apiVersion} ${kind}`);
  try {
    await client.create(resource, object);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    // A node that was faster may not say of itself what its role is.
    if (kind === 'Node') await client.patch(resource, { name: metadata?.name ?? '' }, 'merge', object);
  }
}
