import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, ClientConfig } from '../api/client.ts';
import type { Node } from '../api/types.ts';
import { requiredFeatures } from '../kernel/features.ts';
import { packageRoot } from '../kernel/package-root.ts';
import type { Command } from '../kernel/run.ts';
import { attachLab, type Lab } from '../lab/handle.ts';
import { type LabOptions, startLab } from '../lab/lab.ts';
import { linkComponent } from '../lab/link.ts';
import type { ComponentSpec } from '../lab/spec.ts';
import type { KubeletSettings } from '../node-agent/configuration/read.ts';
import { adminConfig, ensurePki, ensureProgramFiles, writeKubeconfig } from './credentials.ts';
import { modeFeatures } from './dataplane.ts';
import { etcdComponents, etcdNodes } from './etcd.ts';
import { explainDisk, makeFolder, removeAtExit, temporaryFolder } from './files.ts';
import { type Cluster, createHandle } from './handle.ts';
import { hasCredentials } from './kubeadm/credentials.ts';
import { isOurs, replacement } from './programs.ts';
import { nodeEnvironment, nodeProgram } from './runtime.ts';
import {
  agreeWithExisting,
  type ClusterOptions,
  type ClusterSpec,
  controlPlanes,
  nameFlag,
  OptionError,
  resolveOptions,
} from './spec.ts';
import { clusterNames, readSpec, type StateDir, stateDir, stateHome, writeSpec } from './state.ts';
import { controlPlaneComponents, proxyComponents } from './upstream.ts';
import { waitFor } from './wait.ts';

/** {@link ClusterOptions}, and how the cluster is tied to the process that starts it. */
export interface StartOptions extends ClusterOptions {
  /**
   * `owner` (default): the cluster ends with the process that started it, however that ends, and leaves no
   * files. `detached`: it lives until `v9s down`, and its state is kept for the next `up`.
   */
  lifetime?: 'owner' | 'detached';
  /** Where its files go; default a new temporary folder, or for a detached one the user's state folder. */
  stateDir?: string;
  /** Sees each command of the lab's set-up before it runs. */
  onCommand?: (command: Command) => void;
}

/**
 * Starts a cluster, or brings back the detached one of that name with all its objects. Resolves when the API
 * answers and every node is Ready. Throws {@link OptionError} for wrong options, and an Error with the fix
 * where this machine cannot hold a cluster.
 */
export async function startCluster(options: StartOptions = {}): Promise<Cluster> {
  const { lifetime = 'owner' } = options;
  const wanted = resolveOptions(options, await kubeletSettings(options));
  const temporary = lifetime === 'owner' && options.stateDir === undefined;
  const folder = temporary
    ? await temporaryFolder(wanted.name)
    : (options.stateDir ?? join(stateHome(), wanted.name));
  const state = stateDir(folder);
  const discard = temporary ? removeAtExit(folder) : undefined;
  const existing = readSpec(state);
  const spec = existing ? agreeWithExisting(existing, options, wanted) : wanted;
  await settleAudit(spec, options);
  if (existing && (await attachLab(state.root))) {
    throw new Error(
      `cluster ${spec.name} is running already; choose another name, or end it with v9s down${nameFlag(spec.name)}`,
    );
  }
  spec.nodes = spec.nodes.filter(({ name, joined }) => !joined || hasCredentials(state, name));
  if (spec.onMachine || spec.linkedTo !== undefined) {
    const { bringBack } = await import('./kubeadm/index.ts');
    return bringBack(spec, state);
  }
  let lab: Lab | undefined;
  try {
    makeFolder(state.root);
    writeSpec(state, spec);
    // What an older version lacks must be there before a program looks.
    if (existing) ensureFiles(spec, state);
    // Certificates are made while the lab boots; its programs wait for them (cluster/processes/program.ts).
    let onBoot: () => void = () => undefined;
    const booting = new Promise<void>((resolve) => {
      onBoot = resolve;
    });
    const [started, certified] = await Promise.allSettled([
      bootLab(spec, state, { ...options, lifetime, onBoot }).finally(onBoot),
      booting.then(() => ensureFiles(spec, state)),
    ]);
    if (started.status === 'rejected') throw started.reason;
    lab = started.value;
    if (certified.status === 'rejected') throw certified.reason;
    spec.apiPort = lab.apiPort ?? 0;
    writeSpec(state, spec);
    writeKubeconfig(spec, state);
    const client = await connect(adminConfig(state, spec.apiPort));
    await nodesReady(client, spec, lab);
    if (!isOurs(spec, 'kube-apiserver') || replacement(spec, 'kube-controller-manager') !== undefined)
      await (await import('./pods-welcome.ts')).podsWelcome(client);
    return createHandle({ spec, state, client, lab, ...(discard ? { discard } : {}) });
  } catch (error) {
    await lab?.stop();
    // A lab that never was has left nothing to look into, and nothing to bring back.
    if (discard) discard();
    else if (!existing && !lab) rmSync(state.root, { recursive: true, force: true });
    throw explainDisk(error, state.root);
  }
}

/** A cluster that comes back goes on as before where nothing is said. */
async function settleAudit(
  spec: ClusterSpec,
  { auditPolicyFile, auditLogPath }: ClusterOptions,
): Promise<void> {
  if (auditPolicyFile === undefined && auditLogPath === undefined) return;
  const { auditOf } = await import('./audit.ts');
  const audit = await auditOf({
    ...(auditPolicyFile === undefined ? {} : { auditPolicyFile }),
    ...(auditLogPath === undefined ? {} : { auditLogPath }),
  });
  if (audit === 'none') delete spec.audit;
  else if (audit) spec.audit = audit;
}

/** What `kubeletConfig` names, for {@link resolveOptions}: a file that is rarely there, with a parser nobody else needs. */
export async function kubeletSettings({
  kubeletConfig,
}: ClusterOptions): Promise<KubeletSettings | undefined> {
  if (kubeletConfig === undefined) return undefined;
  const { readKubeletConfiguration } = await import('../node-agent/configuration/read.ts');
  return readKubeletConfiguration(kubeletConfig);
}

/** A handle on a running cluster of this user. Throws where it is not running. */
export async function attachCluster(name: string): Promise<Cluster> {
  const state = existingState(name);
  const spec = readSpec(state);
  const lab = await attachLab(state.root);
  if (!spec || !lab) throw new Error(`cluster ${name} is not running; start it with v9s up${nameFlag(name)}`);
  const isMember = spec.onMachine || spec.linkedTo !== undefined;
  const config = isMember
    ? await (await import('./kubeadm/index.ts')).holderConfig(spec, state)
    : adminConfig(state, spec.apiPort);
  const client = await connect(config);
  return createHandle({ spec, state, client, lab });
}

/** The files of a cluster of this user. Throws where there is none of that name. */
export function existingState(name: string): StateDir {
  const state = stateDir(join(stateHome(), name));
  if (existsSync(state.spec)) return state;
  const names = clusterNames();
  const known = names.length > 0 ? `there are ${names.join(', ')}` : 'there are none';
  throw new Error(`no cluster ${JSON.stringify(name)}; ${known}; v9s up${nameFlag(name)} starts it`);
}

/** Ends a cluster's lab, with `remove` its files too. */
export async function stopCluster(
  name: string,
  { remove }: { remove: boolean },
): Promise<{ wasRunning: boolean; folder: string }> {
  const state = existingState(name);
  const lab = await attachLab(state.root);
  if (remove && readSpec(state)?.onMachine) {
    // Its network is the machine's, and does not go with it.
    const { resetMachine } = await import('./kubeadm/index.ts');
    await resetMachine(name);
  }
  await lab?.stop();
  if (remove) rmSync(state.root, { recursive: true, force: true });
  return { wasRunning: lab !== undefined, folder: state.root };
}

/** What `v9s list` shows of a cluster. */
export interface ClusterSummary {
  name: string;
  running: boolean;
  spec: ClusterSpec;
  folder: string;
}

/** All clusters of this user, running or not. */
export async function listClusters(): Promise<ClusterSummary[]> {
  const summaries: ClusterSummary[] = [];
  for (const name of clusterNames()) {
    const state = existingState(name);
    const spec = readSpec(state);
    if (spec)
      summaries.push({
        name,
        running: (await attachLab(state.root)) !== undefined,
        spec,
        folder: state.root,
      });
  }
  return summaries;
}

function ensureFiles(spec: ClusterSpec, state: StateDir): void {
  ensurePki(spec, state);
  ensureProgramFiles(spec, state);
}

/** TLS is loaded when there is somebody to talk to: a lab comes up without it. */
async function connect(config: ClientConfig): Promise<Client> {
  const { createClient } = await import('../api/client.ts');
  return createClient(config);
}

async function bootLab(
  spec: ClusterSpec,
  state: StateDir,
  { lifetime = 'owner', onCommand, onBoot }: StartOptions & Pick<LabOptions, 'onBoot'>,
): Promise<Lab> {
  const node = await nodeProgram();
  const etcd = etcdNodes(spec).length > 0 ? await (await import('../lab/etcd.ts')).ensureEtcd() : '';
  return startLab({
    name: spec.name,
    stateDir: state.root,
    nodes: spec.nodes.map(({ name, address, address6 }) => ({
      name,
      address,
      ...(address6 ? { address6 } : {}),
    })),
    components: [...etcdComponents(spec, state, etcd), ...components(spec, state, node)],
    apiPort: spec.apiPort,
    lifetime,
    egress: spec.egress,
    // Pods of IPv6 alone reach no other.
    ...(spec.podCidrs.every((cidr) => cidr.includes(':')) ? { resolverFamily: 'IPv6' as const } : {}),
    features: [
      ...requiredFeatures,
      ...modeFeatures(spec.dataplane),
      ...(spec.overlay?.type === 'udp' ? (['tun'] as const) : []),
    ],
    ...(onCommand ? { onCommand } : {}),
    ...(onBoot ? { onBoot } : {}),
  });
}

/** Which process hosts which component is decided here and nowhere else. */
function components(spec: ClusterSpec, state: StateDir, node: readonly string[]): ComponentSpec[] {
  const program = (name: string, ...args: string[]) => [
    ...node,
    join(packageRoot, 'dist', `${name}.cjs`),
    state.root,
    ...args,
  ];
  const env = nodeEnvironment();
  return [
    // All listen at the one socket on the host, so that whichever lives takes a connection.
    ...controlPlanes(spec).map(
      ({ name }, index): ComponentSpec => ({
        name: index === 0 ? 'apiserver' : `apiserver${index + 1}`,
        command: program('control-plane', name),
        node: name,
        env,
        fds: ['api'],
      }),
    ),
    ...controlPlaneComponents(spec, state),
    ...spec.nodes.flatMap(({ name }) => [
      { name, command: program('node', name), node: name, env },
      ...proxyComponents(spec, name),
    ]),
    ...(spec.linked ? [linkComponent('listen', state.root)] : []),
  ];
}

/** The programs of a node that is added to a running lab. */
export async function nodeComponents(
  spec: ClusterSpec,
  name: string,
  state: StateDir,
): Promise<ComponentSpec[]> {
  const command = [...(await nodeProgram()), join(packageRoot, 'dist', 'node.cjs'), state.root, name];
  return [{ name, command, node: name, env: nodeEnvironment() }, ...proxyComponents(spec, name)];
}

/** Rejects early, with the end of its log, when a component dies again and again. */
async function nodesReady(client: Client, spec: ClusterSpec, lab: Lab): Promise<void> {
  // Without a pod network no node is Ready: then it is enough that each has said so.
  const awaitsNetwork = spec.overlay?.type === 'none' && !spec.cni;
  const ready = ({ status }: Node) =>
    (status?.conditions ?? []).some(
      ({ type, status: value }) =>
        type === 'Ready' && (value === 'True' || (awaitsNetwork && value === 'False')),
    );
  const all = waitFor<Node>(client, 'nodes', (nodes) => nodes.filter(ready).length >= spec.nodes.length, {
    timeout: 60_000,
  });
  const died = lab.done.then(() => {
    throw new Error(`the lab ended while it started; see ${lab.stateDir}/log`);
  });
  await Promise.race([all, died]);
}
