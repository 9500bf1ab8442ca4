import { difference, type Standing } from '../iptables/diff.ts';
import { contains, type Family, parseCidr, widthOf } from '../model/address.ts';
import { dummyDevice } from './context.ts';
import { addressOf, type Draining, type Servers, serversDifference } from './servers.ts';
import { type Sets, setsDifference } from './sets.ts';
import type { IpvsState } from './state.ts';

/** What stands, with our own spelling of the rules. */
export interface KnownState {
  readonly servers: Servers;
  readonly addresses: ReadonlySet<string> | undefined;
  readonly sets: Sets;
  readonly rules: Standing;
}

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
}

/** The least that turns what stands into what is wanted. Pure. */
export function planOf(
  known: KnownState,
  wanted: IpvsState,
  { family, excludeCIDRs, commitSize }: PlanOptions,
): Plan {
  const excluded = excludeCIDRs.flatMap((text) => parseCidr(text) ?? []);
  const isForeign = (key: string) => excluded.some((cidr) => contains(cidr, addressOf(key)));
  const { lines, ...servers } = serversDifference(known.servers, wanted.servers, isForeign);
  return {
    ...servers,
    servers: text(lines),
    sets: text(setsDifference(known.sets, wanted.sets, family)),
    rules: difference(known.rules, wanted.rules, commitSize).text,
    addresses: addressLines(known.addresses, wanted.addresses, family),
  };
}

/** Everything that a plan writes, in the order of writing. Empty when it writes nothing. */
export function planText({ sets, rules, servers, addresses }: Plan): string {
  return sets + rules + servers + text(addresses);
}

function addressLines(
  have: ReadonlySet<string> | undefined,
  want: ReadonlySet<string>,
  family: Family,
): string[] {
  const bits = widthOf(family);
  const lines = have ? [] : [`link add ${dummyDevice} type dummy`];
  for (const ip of want) if (!have?.has(ip)) lines.push(`address add ${ip}/${bits} dev ${dummyDevice}`);
  for (const ip of have ?? []) if (!want.has(ip)) lines.push(`address del ${ip}/${bits} dev ${dummyDevice}`);
  return lines;
}

const text = (lines: readonly string[]) => (lines.length > 0 ? `${lines.join('\n')}\n` : '');
