import { familyOf } from '../api/address.ts';
import { parseSaved } from './iptables/parse.ts';
import type { RuleSet, TableName } from './iptables/rules.ts';
import { traceTables } from './iptables/trace.ts';
import { type Tables, tablesOf } from './iptables/walk.ts';
import { parseServers, type VirtualServer } from './ipvs/servers.ts';
import { parseSets } from './ipvs/sets.ts';
import type { IpvsState } from './ipvs/state.ts';
import { type IpvsRules, traceIpvs } from './ipvs/trace.ts';
import { parseListedTables } from './nftables/listed.ts';
import type { Table } from './nftables/table.ts';
import { parseTables } from './nftables/tabletext.ts';
import { traceTable } from './nftables/trace.ts';
import { type Outcome, type Packet, wellFormedPacket } from './packet.ts';

export type { Outcome, Packet } from './packet.ts';

/** Rules that were read from text: tables of nftables by family, or what iptables, ipset and ipvsadm printed. */
export type ReadRules = { readonly nftables: ReadonlyMap<'ip' | 'ip6', Table> } | IpvsRules;

/** Rules a packet can be traced through: text, what {@link readRules} made of it, or what this room renders as a value. */
export type Rules = string | ReadRules | RuleSet | Table | IpvsState;

/**
 * Where a packet would go, from the rules alone: every outcome with its probability, and the rules that decided.
 * No kernel, no cluster, no privileges. The packet is the first one of a connection; of clients that stick to an
 * endpoint only those are known that the text of nftables' sets names.
 *
 * The text is what `renderRules` gives, or what a node prints, whoever wrote its rules: `iptables-save` (filter and
 * nat), `nft list ruleset` with or without -j (the tables `kube-proxy`), or `iptables-save`, `ipset save` and
 * `ipvsadm-save -n` one after the other. Throws an Error that names the rule where one cannot be read, and a
 * RangeError where the packet cannot be.
 *
 * ```ts
 * const rules = await renderRules({ objects, nodeName: 'worker', nodeIps: ['172.18.0.3'] });
 * trace(rules, { source: '10.244.1.9', destination: '10.96.0.10', port: 80, nodeIps: ['172.18.0.3'] });
 * // [{ probability: 1, verdict: 'accept', to: '10.244.1.5:9376', masqueraded: false, rules: [ … ] }]
 * ```
 */
export function trace(rules: Rules, asked: Packet): Outcome[] {
  const packet = wellFormedPacket(asked);
  const read = typeof rules === 'string' ? readRules(rules) : rules;
  if ('nftables' in read) {
    const table = read.nftables.get(familyOf(packet.destination) === 'IPv6' ? 'ip6' : 'ip');
    if (!table) throw new Error(`there is no table kube-proxy for ${packet.destination} in these rules`);
    return traceTable(table, packet);
  }
  if ('tables' in read) return traceIpvs(read, packet);
  if ('servers' in read) return traceIpvs({ ...read, tables: tablesOf(read.rules) }, packet);
  return 'nat' in read ? traceTables(tablesOf(read), packet) : traceTable(read, packet);
}

/** Reads a text once for many packets. Throws an Error where it holds no rules. */
export function readRules(text: string): ReadRules {
  const nftables = /^\s*\{/.test(text) ? parseListedTables(text) : parseTables(text);
  if (nftables.size > 0) return { nftables };
  const [inside, outside] = split(text);
  const sets = parseSets(outside);
  const servers = new Map<string, VirtualServer>([
    ...parseServers(outside, 'IPv4'),
    ...parseServers(outside, 'IPv6'),
  ]);
  if (inside === '' && servers.size === 0)
    throw new Error(
      'there are no rules in this text: it is none of iptables-save, nft list ruleset, ipvsadm-save',
    );
  return { tables: savedTables(inside), sets, servers };
}

/** What stands between `*table` and `COMMIT`, and the rest. */
function split(text: string): [inside: string, outside: string] {
  const parts: [string[], string[]] = [[], []];
  let table = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = true;
    parts[table ? 0 : 1].push(line);
    if (line.trim() === 'COMMIT') table = false;
  }
  return [parts[0].join('\n'), parts[1].join('\n')];
}

function savedTables(text: string): Omit<Tables, 'sets'> {
  const saved = parseSaved(text);
  const dropping = new Set<string>();
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    const [, chain] = /^:(\S+) DROP\b/.exec(line) ?? [];
    if (chain !== undefined) dropping.add(`${table} ${chain}`);
  }
  return {
    rules: (name: TableName, chain) => saved.get(name)?.get(chain),
    policy: (name, chain) => (dropping.has(`${name} ${chain}`) ? 'drop' : 'accept'),
  };
}
