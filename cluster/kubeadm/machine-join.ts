import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBootstrapToken } from '../../api/bootstrap-token.ts';
import { type Client, createClient } from '../../api/client.ts';
import type { Lab } from '../../lab/handle.ts';
import { bootstrapNode } from '../../node-agent/bootstrap/bootstrap.ts';
import {
  CertificatePendingError,
  requestCertificate,
  servingSigner,
} from '../../node-agent/bootstrap/request.ts';
import { makeFolder } from '../files.ts';
import { OptionError } from '../option-error.ts';
import { createCertificateAuthority } from '../pki.ts';
import { apiserverPort, type ClusterSpec, type NodeSpec } from '../spec.ts';
import { type StateDir, writeSpec, writeWhole } from '../state.ts';
import { joinedCredentials, nodeFolder, servingFiles } from './credentials.ts';
import { discover } from './discovery.ts';
import { type Joined, type JoinOptions, pinned, requireFreeName } from './join.ts';
import {
  addressTowards,
  machineName,
  newMachine,
  readyTimeout,
  startOnMachine,
  undoMachine,
} from './machine.ts';
import { memberSpec, sharedSpec } from './member.ts';
import { configName } from './objects.ts';
import { nodeReady } from './ready.ts';

/** As kubeadm's: who reads the line may do so while the control plane is still coming up. */
const discoveryTimeout = 10_000;
const bootstrapTimeout = 60_000;
const servingTimeout = 10_000;

/**
 * Makes this machine a node of the cluster whose API is at the endpoint, with its own network and the interface that
 * leads there: root alone can. Resolves when the node is Ready; on failure nothing is left. Upstream: `kubeadm join`.
 */
export async function joinMachine(options: JoinOptions): Promise<Joined> {
  const { endpoint, onStep = () => undefined, timeout = discoveryTimeout, cluster = 'v9s' } = options;
  const token = parseBootstrapToken(options.token);
  const hashes = pinned(options);
  const host = hostOf(endpoint);
  const name = machineName(options.nodeName);
  const state = newMachine(cluster);
  const server = `https://${endpoint}`;
  onStep(`[discovery] asking ${endpoint} for cluster-info`);
  const { ca } = await discover({ server, token, hashes, timeout });
  const client = createClient({ server, ca, token: options.token });
  let spec: ClusterSpec | undefined;
  let lab: Lab | undefined;
  try {
    await requireFreeName(client, name);
    onStep(`[preflight] reading the cluster's configuration from ConfigMap ${configName}`);
    const node: NodeSpec = {
      name,
      address: await addressTowards(host),
      labels: {},
      taints: [],
      joined: true,
    };
    spec = { ...memberSpec(await sharedSpec(client), cluster, host, node), onMachine: true };
    makeFolder(state.root);
    makeFolder(state.pki);
    writeWhole(join(state.pki, 'ca.crt'), ca);
    onStep(`[kubelet-start] requesting a certificate for node ${name}`);
    const dir = nodeFolder(state, name);
    const { kubeconfig } = await bootstrapNode({
      server,
      ca,
      token: options.token,
      nodeName: name,
      dir,
      timeout: bootstrapTimeout,
    });
    copyFileSync(kubeconfig, state.kubeconfig);
    selfSigned(state, node);
    writeSpec(state, spec);
    onStep(`[kubelet-start] starting node ${name} at ${node.address}`);
    lab = await startOnMachine(spec, state, node);
    await ready({ state, spec, node, lab, onStep });
    return { cluster, node: name };
  } catch (error) {
    await undoMachine(state, spec, lab);
    throw error;
  } finally {
    client.close();
  }
}

function hostOf(endpoint: string): string {
  const [, host = '', port = ''] = /^\[?([\w.:-]+?)\]?:(\d+)$/.exec(endpoint) ?? [];
  if (host && Number(port) === apiserverPort) return host;
  throw new OptionError('endpoint', endpoint, `HOST:${apiserverPort}, as v9s init printed it`);
}

/** What the kubelet's API is served with, until somebody approves of another: as kubelets do. */
function selfSigned(state: StateDir, { name, address }: NodeSpec): void {
  const authority = createCertificateAuthority();
  const serverNames = { dns: [name], ips: [address] };
  const { cert, key } = authority.issue({ commonName: `${name}@${Date.now()}`, serverNames });
  writeServing(state, name, { cert, key });
}

function writeServing(state: StateDir, name: string, { cert, key }: { cert: string; key: string }): void {
  const pki = join(nodeFolder(state, name), 'pki');
  writeWhole(join(pki, servingFiles.cert), cert);
  writeWhole(join(pki, servingFiles.key), key);
}

interface Started {
  state: StateDir;
  spec: ClusterSpec;
  node: NodeSpec;
  lab: Lab;
  onStep(text: string): void;
}

/** Once the Node says its addresses, a certificate for them is asked for. */
async function ready({ state, spec, node, lab, onStep }: Started): Promise<void> {
  const { client: config } = await joinedCredentials(state, node.name);
  const client = createClient(config);
  try {
    await nodeReady(client, spec, node.name, readyTimeout);
    if (await certifyServing(client, state, node, onStep)) await lab.restart(node.name);
  } catch (error) {
    const log = lastOf(join(state.log, `${node.name}.log`));
    throw new Error(`node ${node.name} did not become Ready: ${(error as Error).message}\n${log}`, {
      cause: error,
    });
  } finally {
    client.close();
  }
}

/** False where nobody approves of it: the node is a node all the same. */
async function certifyServing(
  client: Client,
  state: StateDir,
  { name, address }: NodeSpec,
  onStep: (text: string) => void,
): Promise<boolean> {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = {
    nodeName: name,
    key,
    signerName: servingSigner,
    usages: ['digital signature', 'server auth'],
    names: { dns: [name], ips: [address] },
  };
  try {
    const cert = await requestCertificate(client, request, { timeout: servingTimeout });
    writeServing(state, name, { cert, key: key.export({ type: 'sec1', format: 'pem' }).toString() });
    return true;
  } catch (error) {
    if (!(error instanceof CertificatePendingError)) throw error;
    onStep(`[kubelet-start] kubectl logs and exec will not reach ${name}: ${error.message}`);
    return false;
  }
}

/** The log goes with all else. */
function lastOf(log: string): string {
  try {
    return readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n');
  } catch {
    return ''; // It never wrote one.
  }
}
