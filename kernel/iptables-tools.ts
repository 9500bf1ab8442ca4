import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CommandError, type Kernel } from './run.ts';

/** The two tool sets of iptables: over nf_tables, and over the older x_tables. */
export type IptablesTools = 'nft' | 'legacy';

/** Which tools to use and what was found. `rules` are counted only where legacy tables exist at all. */
export interface ToolChoice {
  /** Undefined where this machine has no `iptables-nft-…` and `iptables-legacy-…`: the plain names are all there is. */
  readonly tools: IptablesTools | undefined;
  /** Rules of both address families in each kind of tables. */
  readonly rules: { readonly nft: number; readonly legacy: number };
  /** What the chosen tools' `iptables-save` has just printed, where it took that to choose. */
  readonly saved?: string;
}

const kubeletChain = /^:(KUBE-IPTABLES-HINT|KUBE-KUBELET-CANARY)\b/m;

/** What {@link probed} looks for, where it takes a command to see. */
const probe = `
for tool in iptables-nft-restore iptables-legacy-restore; do command -v $tool; done
cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null
exit 0`;

/**
 * Chooses as Kubernetes' iptables-wrappers do: the tables that the kubelet has put its hint into, nft first,
 * else the ones with more rules, else nft. Where no legacy table exists, which costs one command to see,
 * nothing is counted. The legacy tools are not asked for a table by name: that would create it.
 */
export async function chooseIptablesTools(kernel: Kernel): Promise<ToolChoice> {
  const nothing = { nft: 0, legacy: 0 };
  const found = await probed(kernel);
  const has = (tools: IptablesTools) => found.includes(`/iptables-${tools}-restore`);
  if (!has('nft') || !has('legacy'))
    return { tools: has('nft') ? 'nft' : has('legacy') ? 'legacy' : undefined, rules: nothing };
  if (!hasLegacyTables(found)) return onlyNft(kernel);
  const mangle = await savedBy(kernel, 'nft', ['-t', 'mangle']);
  if (mangle === undefined) return { tools: 'legacy', rules: nothing };
  const [nft = '', legacy = ''] = await Promise.all([savedBy(kernel, 'nft'), savedBy(kernel, 'legacy')]);
  const rules = { nft: countRules(nft), legacy: countRules(legacy) };
  if (kubeletChain.test(mangle)) return { tools: 'nft', rules };
  if (kubeletChain.test(legacy)) return { tools: 'legacy', rules };
  return { tools: rules.legacy > rules.nft ? 'legacy' : 'nft', rules };
}

/** The tool sets that this machine has, and of those only what has tables; the plain names where neither is there. */
export async function iptablesToolSets(kernel: Kernel): Promise<(IptablesTools | undefined)[]> {
  const found = await probed(kernel);
  const sets: IptablesTools[] = [];
  if (found.includes('/iptables-nft-restore')) sets.push('nft');
  if (found.includes('/iptables-legacy-restore') && hasLegacyTables(found)) sets.push('legacy');
  return sets.length > 0 ? sets : [undefined];
}

/** The same kernel, but `iptables`, `iptables-save`, `ip6tables-restore` … are those of one tool set. */
export function withIptablesTools(kernel: Kernel, tools: IptablesTools | undefined): Kernel {
  if (!tools) return kernel;
  const named = (file: string) => file.replace(/^(ip6?tables)(-save|-restore)?$/, `$1-${tools}$2`);
  const { open } = kernel;
  return {
    ...kernel,
    run: (file, args, options) => kernel.run(named(file), args, options),
    ...(open ? { open: (file, args) => open(named(file), args) } : {}),
  };
}

/** Paths of the restore tools that this machine has, and names of the legacy tables, a line each. */
async function probed(kernel: Kernel): Promise<string> {
  const { files } = kernel;
  if (!files) return (await kernel.run('sh', ['-c', probe])).stdout;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const tools = ['iptables-nft-restore', 'iptables-legacy-restore'].flatMap(
    (tool) => folders.map((folder) => join(folder, tool)).find(existsSync) ?? [],
  );
  const tables = ['ip_tables_names', 'ip6_tables_names'].map((name) => {
    try {
      return files.read(`/proc/net/${name}`)?.trim() ?? '';
    } catch {
      return ''; // Only real root may read it; what cannot be seen is not counted.
    }
  });
  return [...tools, ...tables].join('\n');
}

/** nft, if this kernel has nf_tables: one family that can be read is enough to see. */
async function onlyNft(kernel: Kernel): Promise<ToolChoice> {
  const rules = { nft: 0, legacy: 0 };
  for (const family of ['iptables', 'ip6tables']) {
    try {
      const { stdout } = await kernel.run(`${family}-nft-save`, []);
      return { tools: 'nft', rules, ...(family === 'iptables' ? { saved: stdout } : {}) };
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    }
  }
  return { tools: 'legacy', rules };
}

/** Tables' names stand in lines of their own, tools' paths have a slash. */
const hasLegacyTables = (probed: string) =>
  probed.split('\n').some((line) => line !== '' && !line.includes('/'));

/** Both families' rules; a family that cannot be read counts as empty, undefined when none can. */
async function savedBy(
  kernel: Kernel,
  tools: IptablesTools,
  args: readonly string[] = [],
): Promise<string | undefined> {
  const outputs = await Promise.allSettled(
    ['iptables', 'ip6tables'].map((name) => kernel.run(`${name}-${tools}-save`, args)),
  );
  const read = outputs.flatMap((one) => (one.status === 'fulfilled' ? [one.value.stdout] : []));
  return read.length === 0 ? undefined : read.join('');
}

const countRules = (saved: string) => saved.match(/^-/gm)?.length ?? 0;
