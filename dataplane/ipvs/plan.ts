import { cidrOf, contains, type Family, widthOf } from '../../api/address.ts';
import { difference } from '../iptables/diff.ts';
import type { RuleSet } from '../iptables/rules.ts';
import { standingOf } from '../iptables/standing.ts';
import type { IpvsChanges } from './builder.ts';
import { dummyDevice } from './context.ts';
import { addressOf, type Draining, serverPairs, serversDifference, withDraining } from './servers.ts';
import { type Entries, setsChanges, setsDifference } from './sets.ts';
import { withoutServiceChains } from './shared.ts';
import type { IpvsStanding } from './standing.ts';
import type { IpvsState } from './state.ts';

/** What has to be written, one batch for each tool; empty where nothing differs. */
export interface Plan {
  /** For `ipset restore`. */
  readonly sets: string;
  /** For `iptables-restore`. */
  readonly rules: string;
  /** For `ipvsadm --restore`. */
  readonly servers: string;
  /** For `ip -batch`. */
  readonly addresses: readonly string[];
  readonly draining: readonly Draining[];
  /** Virtual servers. */
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
}

export interface PlanOptions {
  readonly family: Family;
  /** Virtual servers in these are somebody else's: `ipvs.excludeCIDRs`. */
  readonly excludeCIDRs: readonly string[];
  readonly commitSize: number;
  /** Whether IPv4 addresses get themselves as broadcast address, as up to 1.13. */
  readonly broadcast?: boolean;
}

/** The least that turns what was read from the kernel into what is wanted. Pure. */
export function planFrom(found: IpvsStanding, wanted: IpvsState, options: PlanOptions): Plan {
  const { family, commitSize } = options;
  const foreign = isForeign(options);
  const ours = [...found.servers].filter(([key]) => wanted.servers.has(key) || !foreign(key));
  const { lines, ...servers } = serversDifference(serverPairs(new Map(ours), wanted.servers));
  // Chains of Services are iptables mode's: they go with what leads to them.
  const rules = standingOf(withoutServiceChains(found.saved), wanted.rules);
  return {
    ...servers,
    servers: text(lines),
    sets: text(setsDifference(found.sets, wanted.sets, family)),
    rules: difference(rules, wanted.rules, commitSize).text,
    addresses: [
      ...(found.addresses ? [] : [`link add ${dummyDevice} type dummy`]),
      ...addressLines(differing(found.addresses ?? new Set(), wanted.addresses), options),
    ],
  };
}

/** Tells servers that are somebody else's by their keys. */
export function isForeign({ excludeCIDRs }: Pick<PlanOptions, 'excludeCIDRs'>): (key: string) => boolean {
  const excluded = excludeCIDRs.flatMap((text) => cidrOf(text) ?? []);
  return (key) => excluded.some((cidr) => contains(cidr, addressOf(key)));
}

/** The same where the kernel has what was wanted last, at the cost of what changed since. Pure. */
export function planOf(
  changes: IpvsChanges,
  { draining, rules, wanted }: { draining: readonly Draining[]; rules: RuleSet; wanted: RuleSet },
  options: PlanOptions,
): Plan {
  const { commitSize } = options;
  const drainingOf = (key: string) => draining.filter(([one]) => one === key).map(([, real]) => real);
  const pairs = [...changes.servers].map(
    ([key, [had, wants]]) => [key, [had && withDraining(had, drainingOf(key)), wants]] as const,
  );
  const { lines, ...servers } = serversDifference(pairs);
  const others = draining.filter(([key]) => !changes.servers.has(key));
  return {
    ...servers,
    draining: [...others, ...servers.draining],
    servers: text(lines),
    sets: text(setsChanges(changes.sets)),
    rules: difference(rules, wanted, commitSize).text,
    addresses: addressLines(changes.addresses, options),
  };
}

/** Everything that a plan writes, in the order of writing. Empty when it writes nothing. */
export function planText({ sets, rules, servers, addresses }: Plan): string {
  return sets + rules + servers + text(addresses);
}

function differing(have: Entries, want: Entries): Map<string, boolean> {
  return new Map([
    ...[...want.keys()].filter((ip) => !have.has(ip)).map((ip) => [ip, true] as const),
    ...[...have.keys()].filter((ip) => !want.has(ip)).map((ip) => [ip, false] as const),
  ]);
}

function addressLines(changes: ReadonlyMap<string, boolean>, { family, broadcast }: PlanOptions): string[] {
  const bits = widthOf(family);
  return [...changes].map(([ip, came]) => {
    const also = came && broadcast && family === 'IPv4' ? ` broadcast ${ip}` : '';
    return `address ${came ? 'add' : 'del'} ${ip}/${bits}${also} dev ${dummyDevice}`;
  });
}

const text = (lines: readonly string[]) => (lines.length > 0 ? `${lines.join('\n')}\n` : '');
