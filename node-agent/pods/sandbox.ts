import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../api/types.ts';
import { CommandError, type Kernel } from '../../kernel/run.ts';
import type { Recorder } from '../events.ts';
import type { NodeNetwork } from '../network/network.ts';
import { removeCgroup } from '../runtime/cgroups.ts';
import { readIfThere, writeAtomically } from '../runtime/containers.ts';
import { eventSubject } from './context.ts';
import { hostPortsOf } from './host-ports.ts';
import { hostsFile, kernelHostname } from './hosts.ts';
import { type DnsSettings, resolvConf, resolvConfWarnings } from './resolv-conf.ts';
import { endPidNamespace } from './shared-pid.ts';
import type { PodState } from './state.ts';

/** What is written about a sandbox, so that a restarted node-agent finds it. */
export interface SandboxRecord {
  uid: string;
  namespace: string;
  name: string;
  startTime: string;
  ips: readonly string[];
  netns?: string;
}

export interface SandboxConfig {
  kernel: Kernel;
  nodeIps: readonly string[];
  nodeName: string;
  dns: DnsSettings;
  recorder: Recorder;
}

/** Gives a pod its folder, its network and its files of `/etc`. */
export async function createSandbox(
  state: PodState,
  pod: Pod,
  network: NodeNetwork | undefined,
  config: SandboxConfig,
): Promise<void> {
  state.released = false;
  for (const folder of ['ns', 'etc', 'volumes', 'containers'])
    mkdirSync(join(state.dir, folder), { recursive: true });
  if (pod.spec?.hostNetwork) {
    state.ips = config.nodeIps;
  } else {
    if (!network) throw new Error('the node has no pod network yet');
    const { ips, netns } = await network.attach(state.uid, pod);
    state.ips = ips;
    state.netns = `/run/netns/${netns}`;
    const ports = hostPortsOf(pod);
    if (ports.length > 0) {
      state.hasHostPorts = true;
      // First of all: whoever is interrupted leaves no rules that nobody knows of.
      writeFileSync(join(state.dir, hostPortsFile), '');
      await (await network.hostPorts()).map(state.uid, ips, ports);
    }
  }
  for (const { reason, message } of resolvConfWarnings(pod, config.dns))
    config.recorder.event(eventSubject(pod), 'Warning', reason, message);
  writeEtc(state, pod, config);
  const record: SandboxRecord = {
    uid: state.uid,
    namespace: pod.metadata?.namespace ?? '',
    name: pod.metadata?.name ?? '',
    startTime: state.startTime,
    ips: state.ips,
    ...(state.netns ? { netns: state.netns } : {}),
  };
  writeAtomically(join(state.dir, 'pod.json'), JSON.stringify(record));
  state.sandboxReady = true;
}

/** There while ports of the node may lead to the pod. */
const hostPortsFile = 'host-ports';

export const hasHostPorts = (dir: string) => existsSync(join(dir, hostPortsFile));

/** Undefined when the sandbox was never finished. */
export function readSandbox(dir: string): SandboxRecord | undefined {
  const text = readIfThere(join(dir, 'pod.json'));
  return text ? (JSON.parse(text) as SandboxRecord) : undefined;
}

/** True when a container has made the namespaces that the others share: a mount stands in their place. */
export function namespacesExist(dir: string): boolean {
  const file = join(dir, 'ns', 'uts');
  return existsSync(file) && statSync(file).dev !== statSync(join(dir, 'ns')).dev;
}

/** Whether a pod has a network that nobody can take back yet: that of its node comes a moment after a restart. */
export const awaitsNetwork = (state: PodState, network: NodeNetwork | undefined): boolean =>
  network === undefined && state.netns !== undefined;

/** Takes network and namespaces away, unless {@link awaitsNetwork}; logs and records stay until the pod itself is gone. */
export async function releaseSandbox(
  state: PodState,
  network: NodeNetwork | undefined,
  kernel: Kernel,
): Promise<void> {
  if (state.released) return;
  endPidNamespace(state.dir);
  await removeCgroup(state.dir);
  const held = ['uts', 'ipc'].map((type) => join(state.dir, 'ns', type)).filter(existsSync);
  const mounts = [...held, ...mountedVolumes(state.dir)];
  if (mounts.length > 0) await unmount(kernel, mounts);
  for (const file of held) rmSync(file, { force: true });
  // Without a network of the node nothing was attached to it, or `collect` will find it.
  if (network && !state.pod?.spec?.hostNetwork) {
    if (state.hasHostPorts) await (await network.hostPorts()).unmap(state.uid);
    rmSync(join(state.dir, hostPortsFile), { force: true });
    state.hasHostPorts = false;
    await network.detach(state.uid);
  }
  rmSync(join(state.dir, 'pod.json'), { force: true });
  state.netns = undefined;
  state.sandboxReady = false;
  state.released = true;
}

/** Volumes that are file systems of their own. */
function mountedVolumes(dir: string): string[] {
  const folder = join(dir, 'volumes');
  if (!existsSync(folder)) return [];
  const { dev } = statSync(folder);
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).dev !== dev);
}

async function unmount(kernel: Kernel, files: readonly string[]): Promise<void> {
  try {
    await kernel.run('umount', ['--lazy', ...files]);
  } catch (error) {
    // Exit code 32: not mounted, after an attempt that ended early.
    if (!(error instanceof CommandError) || error.exitCode !== 32) throw error;
  }
}

function writeEtc(state: PodState, pod: Pod, { dns, nodeName }: SandboxConfig): void {
  const name = kernelHostname(pod, nodeName, dns.clusterDomain);
  const user = 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n';
  const files: Record<string, string> = {
    hostname: `${name}\n`,
    hosts: hostsFile(pod, state.ips, dns.clusterDomain, () => readIfThere('/etc/hosts') ?? ''),
    'resolv.conf': resolvConf(pod, dns),
    passwd: `root:x:0:0:root:/root:/bin/sh\n${user}`,
    group: 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n',
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  };
  for (const [file, text] of Object.entries(files)) writeFileSync(join(state.dir, 'etc', file), text);
}
