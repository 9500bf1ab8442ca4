import type { Family } from '../../api/address.ts';
import { iptablesSave } from '../../kernel/iptables.ts';
import { nftListTable } from '../../kernel/nft.ts';
import type { Kernel } from '../../kernel/run.ts';
import type { ProxyMode } from '../configuration.ts';
import { createIptablesDataplane } from '../iptables/dataplane.ts';
import { normalRule } from '../iptables/normal.ts';
import { parseSaved, type Saved } from '../iptables/parse.ts';
import { createIpvsDataplane } from '../ipvs/dataplane.ts';
import { readStanding } from '../ipvs/standing.ts';
import type { CreateDataplane } from '../modes.ts';
import { createNftablesDataplane } from '../nftables/dataplane.ts';
import { parseListed } from '../nftables/listed.ts';
import { tableName } from '../nftables/table.ts';

/** One way into the kernel, as fuzz and chaos drive it. */
export interface Backend {
  readonly mode: ProxyMode;
  readonly create: CreateDataplane;
  /** What of the configuration chooses it. */
  readonly configuration: { readonly nftables?: { readonly layout: string } };
  /** What this kernel's tools print, sorted lines of one normal form: equal for equal states, whoever wrote them. */
  standing(kernel: Kernel, family: Family): Promise<string[]>;
}

const nftables = (layout: string): Backend => ({
  mode: 'nftables',
  create: createNftablesDataplane,
  configuration: { nftables: { layout } },
  standing: tableLines,
});

export const backends = {
  iptables: {
    mode: 'iptables',
    create: createIptablesDataplane,
    configuration: {},
    standing: async (kernel, family) =>
      ruleLines(parseSaved(await iptablesSave(kernel, family)), family).sort(),
  },
  'nftables upstream': nftables('upstream'),
  'nftables flat': nftables('flat'),
  ipvs: { mode: 'ipvs', create: createIpvsDataplane, configuration: {}, standing: ipvsLines },
} as const satisfies Record<string, Backend>;

export type BackendName = keyof typeof backends;
export const hostBackends = [
  'iptables',
  'nftables upstream',
  'nftables flat',
] as const satisfies BackendName[];

/**
 * Every chain but the kernel's own ones, and every rule with its place in its chain. In the kernel's own chains places
 * are left out: a jump that somebody deleted comes back first of all, as kube-proxy puts it.
 */
function ruleLines(saved: Saved, family: Family): string[] {
  return [...saved].flatMap(([table, chains]) =>
    [...chains].flatMap(([chain, rules]) => {
      const own = /^[A-Z]+$/.test(chain);
      const lines = rules.map(
        (rule, i) => `${table} ${chain} ${own ? '' : i + 1} ${normalRule(rule, family)}`,
      );
      return own ? lines : [`${table} :${chain}`, ...lines];
    }),
  );
}

async function tableLines(kernel: Kernel, family: Family): Promise<string[]> {
  const listed = await nftListTable(kernel, family === 'IPv4' ? 'ip' : 'ip6', tableName);
  if (!listed) return [];
  const { sets, chains, elements } = parseListed(listed);
  return [
    ...[...sets].map(([name, { timeout }]) => `set ${name} ${timeout ?? ''}`),
    ...[...chains].flatMap(([name, { hook, rules }]) => [
      `chain ${name} ${hook ? JSON.stringify(hook) : ''}`,
      ...rules.map((rule, i) => `rule ${name} ${i + 1} ${rule}`),
    ]),
    ...[...elements].flatMap(([set, own]) =>
      [...own.values()].map(
        ({ key, value = '', comment = '' }) => `element ${set} ${key} : ${value} ${comment}`,
      ),
    ),
  ].sort();
}

/** Without real servers that drain: those that a connection keeps are not wanted any more. */
async function ipvsLines(kernel: Kernel, family: Family): Promise<string[]> {
  const { servers, addresses, sets, saved } = await readStanding(kernel, family);
  const ours = (name: string) => name.startsWith('KUBE-6-') === (family === 'IPv6');
  return [
    ...[...servers].flatMap(([key, { options, reals }]) => [
      `server ${key} ${options}`,
      ...[...reals]
        .filter(([, weight]) => weight > 0)
        .map(([real, weight]) => `real ${key} ${real} ${weight}`),
    ]),
    ...[...(addresses ?? ['no device'])].map((address) => `address ${address}`),
    ...[...sets]
      .filter(([name]) => ours(name))
      .flatMap(([name, entries]) => [
        `set ${name}`,
        ...[...entries.keys()].map((entry) => `set ${name} ${entry}`),
      ]),
    ...ruleLines(saved, family),
  ].sort();
}
