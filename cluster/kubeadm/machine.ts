import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { createClient } from '../../api/client.ts';
import { requiredFeatures } from '../../kernel/features.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { createKernel } from '../../kernel/run.ts';
import { readSysctls } from '../../kernel/sysctl.ts';
import type { Lab } from '../../lab/handle.ts';
import { startLab } from '../../lab/lab.ts';
import { linkComponent } from '../../lab/link.ts';
import type { ComponentSpec } from '../../lab/spec.ts';
import { nodeComponents } from '../cluster.ts';
import { modeFeatures } from '../dataplane.ts';
import { type Cluster, createHandle } from '../handle.ts';
import { OptionError } from '../option-error.ts';
import { nodeEnvironment, nodeProgram } from '../runtime.ts';
import type { ClusterSpec, NodeSpec } from '../spec.ts';
import { clusterNames, type StateDir, stateDir, stateHome, writeWhole } from '../state.ts';
import { parametersFile, removeFromMachine } from './machine-reset.ts';
import { holderConfig } from './member.ts';
import { nodeReady } from './ready.ts';

/** What node-agent and dataplane may change on a machine. */
const parameters = [
  'net.ipv4.ip_forward',
  'net.ipv4.conf.all.rp_filter',
  'net.ipv4.conf.default.rp_filter',
  'net.ipv4.conf.all.route_localnet',
  'net.bridge.bridge-nf-call-iptables',
  'net.bridge.bridge-nf-call-ip6tables',
  'net.ipv6.conf.all.forwarding',
  'net.netfilter.nf_conntrack_tcp_be_liberal',
  'net.netfilter.nf_conntrack_tcp_timeout_established',
  'net.netfilter.nf_conntrack_tcp_timeout_close_wait',
];

/** A folder for a cluster whose node is this machine. Throws where the machine is a node already, or cannot be one. */
export function newMachine(name: string): StateDir {
  if (process.getuid?.() !== 0)
    throw new Error(
      'only root can make this machine a node; without --host the node is one of a lab of your own',
    );
  if (clusterNames().includes(name))
    throw new Error(
      `this machine has joined or begun a cluster called ${name} already; v9s reset --host --name ${name} undoes that`,
    );
  const found = Object.keys(networkInterfaces()).filter((link) =>
    /^(cni0|flannel[.0-9]|flannel-v6)/.test(link),
  );
  if (found.length > 0)
    throw new Error(
      `this machine has ${found.join(', ')} already: a node runs on it, or ran; remove what it left first`,
    );
  return stateDir(join(stateHome(), name));
}

/** A Node is called as its machine, in lower case. Upstream: kubeadm `NodeRegistration.Name`. */
export function machineName(wanted: string | undefined): string {
  const name = wanted ?? hostname().toLowerCase();
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) return name;
  throw new OptionError('node-name', name, 'a lowercase RFC 1123 label; this machine has another name');
}

/** The address from which this machine would send to `host`: the kernel is asked for the route, nothing is sent. */
export async function addressTowards(host: string): Promise<string> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.connect(6443, host);
    await once(socket, 'connect');
    return socket.address().address;
  } catch (error) {
    throw new Error(`this machine has no route to ${host}: ${(error as Error).message}`, { cause: error });
  } finally {
    socket.close();
  }
}

/** Starts the node's processes on the machine, or in a lab beside that of the cluster; they go on when this one ends. Notes what is to be restored first. */
export async function startOnMachine(spec: ClusterSpec, state: StateDir, node: NodeSpec): Promise<Lab> {
  const file = parametersFile(state);
  // Of the first time: later they are as the node has set them.
  if (spec.onMachine && !existsSync(file)) {
    const before = await readSysctls(createKernel(), parameters);
    writeWhole(file, `${JSON.stringify(before, undefined, 2)}\n`);
  }
  return startLab({
    name: spec.name,
    stateDir: state.root,
    nodes: [{ name: node.name, address: node.address }],
    components: await machineComponents(spec, node, state),
    lifetime: 'detached',
    onMachine: spec.onMachine ?? false,
    features: [...requiredFeatures, ...modeFeatures(spec.dataplane)],
  });
}

/** Takes back what was begun, when it failed. */
export async function undoMachine(
  state: StateDir,
  spec: ClusterSpec | undefined,
  lab: Lab | undefined,
): Promise<void> {
  if (spec && lab) await removeFromMachine(state, spec, lab);
  else rmSync(state.root, { recursive: true, force: true });
}

/** The components of a node that this machine is, or that is alone in its lab. */
export async function machineComponents(
  spec: ClusterSpec,
  node: NodeSpec,
  state: StateDir,
): Promise<ComponentSpec[]> {
  const agent = await nodeComponents(spec, node.name, state);
  if (spec.linkedTo !== undefined) return [linkComponent('connect', spec.linkedTo), ...agent];
  if (node.joined) return agent;
  const program = join(packageRoot, 'dist', 'control-plane.cjs');
  const command = [...(await nodeProgram()), program, state.root, node.name];
  return [{ name: 'apiserver', command, node: node.name, env: nodeEnvironment() }, ...agent];
}

/** Starts a node again that this machine is, or that is alone in its lab, after `v9s down` or a boot. One that joined speaks for itself alone. */
export async function bringBack(spec: ClusterSpec, state: StateDir): Promise<Cluster> {
  const node = spec.nodes.at(-1);
  if (!node) throw new Error(`${state.spec} names no node`);
  const lab = await startOnMachine(spec, state, node);
  const client = createClient(await holderConfig(spec, state));
  await nodeReady(client, spec, node.name, readyTimeout);
  return createHandle({ spec, state, client, lab });
}

/** In an emulated guest all of it takes its time. */
export const readyTimeout = 120_000;
