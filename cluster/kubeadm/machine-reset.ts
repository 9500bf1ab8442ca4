import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { proxyConfiguration } from '../../dataplane/configuration.ts';
import { removeAllModes } from '../../dataplane/leftovers.ts';
import { ipBatch } from '../../kernel/ip.ts';
import { type IptablesFamily, iptablesRestore, iptablesSave } from '../../kernel/iptables.ts';
import { iptablesToolSets, withIptablesTools } from '../../kernel/iptables-tools.ts';
import { createKernel, type Kernel } from '../../kernel/run.ts';
import { ensureSysctls } from '../../kernel/sysctl.ts';
import { attachLab, type Lab } from '../../lab/handle.ts';
import { existingState } from '../cluster.ts';
import { OptionError } from '../option-error.ts';
import type { ClusterSpec } from '../spec.ts';
import { readSpec, type StateDir } from '../state.ts';

/** What the machine's kernel said before it became a node, for its reset. */
export const parametersFile = (state: StateDir): string => join(state.root, 'sysctls.json');

/**
 * Takes this machine out of the cluster that it began or joined: processes and mounts end with their lab; links, routes,
 * rules and kernel parameters are what they were; files go. Its Node object stays. Throws where this machine is no node.
 */
export async function resetMachine(cluster: string): Promise<void> {
  const state = existingState(cluster);
  const spec = readSpec(state);
  if (!spec?.onMachine)
    throw new OptionError(
      'name',
      cluster,
      'a cluster that this machine itself is in; v9s reset NODE is for nodes of labs',
    );
  await removeFromMachine(state, spec, await attachLab(state.root));
}

/** As much of it as there is. */
export async function removeFromMachine(
  state: StateDir,
  spec: Pick<ClusterSpec, 'bridge' | 'podCidrs'>,
  lab: Lab | undefined,
): Promise<void> {
  await lab?.stop();
  const kernel = createKernel();
  const complaints: string[] = [];
  const complain = (what: string) => (error: unknown) => {
    complaints.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  };
  // Of a mode or of tools that cannot be had here it may complain: what is left is looked for below.
  const ignore = () => () => undefined;
  await removeAllModes({ kernel, configuration: proxyConfiguration({}), complain: ignore });
  await removeLinks(kernel, spec).catch(complain('links and routes'));
  for (const tools of await iptablesToolSets(kernel))
    for (const family of ['IPv4', 'IPv6'] as const)
      await removeChains(withIptablesTools(kernel, tools), family).catch(complain(`rules of ${family}`));
  await restoreParameters(kernel, state).catch(complain('kernel parameters'));
  rmSync(state.root, { recursive: true, force: true });
  if (complaints.length > 0)
    throw new Error(`something of the node is left on this machine: ${complaints.join('; ')}`);
}

/** Pods' links went with their namespaces; routes to other nodes' pods may be on the machine's own link. */
async function removeLinks(
  kernel: Kernel,
  { bridge = 'cni0', podCidrs }: Pick<ClusterSpec, 'bridge' | 'podCidrs'>,
): Promise<void> {
  const { stdout } = await kernel.run('ip', ['-json', 'link']);
  const names = (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname);
  const own = names.filter(
    (name) => name === bridge || /^(flannel(-v6)?\.\d+|flannel0|kube-ipvs0)$/.test(name),
  );
  await ipBatch(
    kernel,
    own.map((name) => `link del ${name}`),
  );
  for (const cidr of podCidrs)
    await kernel.run('ip', [cidr.includes(':') ? '-6' : '-4', 'route', 'flush', 'root', cidr]);
}

/** Of kube-proxy, of flannel's masquerading and of the host ports of pods. */
const ownChain = /^(KUBE-|FLANNEL-|CNI-(HOSTPORT|DN)-)/;

async function removeChains(kernel: Kernel, family: IptablesFamily): Promise<void> {
  // Tools that can show nothing have written nothing: this kernel is not for them.
  const saved = await iptablesSave(kernel, family).catch(() => '');
  const script = removalOf(saved);
  if (script) await iptablesRestore(kernel, family, script);
}

/** What takes out of an `iptables-save` text the chains that are ours and the rules that lead to them. */
export function removalOf(saved: string): string {
  let script = '';
  for (const table of saved.split(/^(?=\*)/m)) {
    const name = /^\*(\S+)/.exec(table)?.[1];
    const chains = [...table.matchAll(/^:(\S+)/gm)]
      .map(([, chain = '']) => chain)
      .filter((chain) => ownChain.test(chain));
    if (!name || chains.length === 0) continue;
    const jumps = table
      .split('\n')
      .filter((line) => {
        const [, from = '', to = ''] = /^-A (\S+) .*-[jg] (\S+)/.exec(line) ?? [];
        return ownChain.test(to) && !ownChain.test(from);
      })
      .map((line) => line.replace(/^-A/, '-D'));
    const lines = [
      ...jumps,
      ...chains.map((chain) => `-F ${chain}`),
      ...chains.map((chain) => `-X ${chain}`),
    ];
    script += `*${name}\n${lines.join('\n')}\nCOMMIT\n`;
  }
  return script;
}

async function restoreParameters(kernel: Kernel, state: StateDir): Promise<void> {
  const file = parametersFile(state);
  if (existsSync(file)) await ensureSysctls(kernel, JSON.parse(readFileSync(file, 'utf8')));
}
