import { cidrOf, contains, joinHostPort, widthOf } from '../../api/address.ts';
import { type ParsedRule, parseRule } from './parse.ts';
import type { RuleSet, TableName } from './rules.ts';

/** The first packet of a connection, as it meets the node. */
export interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  /** Default `tcp`. */
  readonly protocol?: string;
  /** Where it came in; matters only to rules that name an interface. */
  readonly interface?: string;
  /** Addresses of the node itself, besides loopback. */
  readonly nodeIps: readonly string[];
}

/** One thing that may happen to a packet. */
export interface Outcome {
  /** Share of such packets, 0 to 1. */
  readonly probability: number;
  readonly verdict: 'accept' | 'drop' | 'reject';
  /** Where it goes, `ip:port`; what it was sent to unless a rule translated it. */
  readonly to: string;
  /** Whether the receiver sees an address of the node instead of the client's. */
  readonly masqueraded: boolean;
  /** The rules that matched, in order, as `table CHAIN rule`. */
  readonly rules: readonly string[];
}

/**
 * Where a packet would go, from the rules alone: every outcome with its probability. The packet is new
 * (no affinity yet, no connection tracked), and the policies of the kernel's own chains are ACCEPT.
 */
export function trace(rules: RuleSet, packet: Packet): Outcome[] {
  const local = isLocal(packet.source, packet);
  const start: State = {
    ...packet,
    protocol: packet.protocol ?? 'tcp',
    weight: 1,
    mark: 0,
    translated: false,
    path: [],
  };
  return [...walk(rules, 'nat', local ? 'OUTPUT' : 'PREROUTING', start)].flatMap((routed) => {
    const here = isLocal(routed.state.destination, packet);
    // The node's own packet to itself passes OUTPUT first; whoever refuses it there has the word.
    const chain = local ? 'OUTPUT' : here ? 'INPUT' : 'FORWARD';
    return [...walk(rules, 'filter', chain, routed.state)].flatMap((filtered) =>
      finish(rules, packet, filtered, here),
    );
  });
}

interface State {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly protocol: string;
  readonly interface?: string;
  readonly nodeIps: readonly string[];
  readonly weight: number;
  readonly mark: number;
  readonly translated: boolean;
  readonly path: readonly string[];
}

interface Step {
  readonly kind: 'end' | 'return' | 'accept' | 'drop' | 'reject' | 'dnat' | 'masquerade';
  readonly state: State;
}

function finish(rules: RuleSet, packet: Packet, { kind, state }: Step, here: boolean): Outcome[] {
  const outcome = (last: State, masqueraded: boolean): Outcome => ({
    probability: last.weight,
    verdict: kind === 'drop' || kind === 'reject' ? kind : 'accept',
    to: joinHostPort(last.destination, last.port),
    masqueraded,
    rules: last.path,
  });
  if (kind === 'drop' || kind === 'reject') return [outcome(state, false)];
  if (here && !isLocal(packet.source, packet)) return [outcome(state, false)];
  return [...walk(rules, 'nat', 'POSTROUTING', state)].map((step) =>
    outcome(step.state, step.kind === 'masquerade'),
  );
}

/** Follows one chain from a rule on; a draw makes two ways of one. */
function* walk(rules: RuleSet, table: TableName, chain: string, from: State, index = 0): Generator<Step> {
  let state = from;
  const lines = linesOf(rules, table, chain);
  for (let i = index; i < lines.length; i++) {
    const line = lines[i] as string;
    const rule = parsed(line);
    if (!matches(rule, state)) continue;
    const share = Number(rule.options.get('--probability')?.value ?? 1);
    const taken: State = {
      ...state,
      weight: state.weight * share,
      path: [...state.path, `${table} ${chain} ${line}`],
    };
    for (const step of act(rules, table, rule, taken)) {
      if (step.kind === 'end') yield* walk(rules, table, chain, step.state, i + 1);
      else yield step;
    }
    if (share === 1) return;
    state = { ...state, weight: state.weight * (1 - share) };
  }
  yield { kind: 'end', state };
}

/** What a rule that matched does; `end` means that the chain goes on. */
function* act(rules: RuleSet, table: TableName, rule: ParsedRule, state: State): Generator<Step> {
  const value = (name: string) => rule.options.get(name)?.value;
  const target = value('--jump');
  switch (target) {
    case undefined:
      return yield { kind: 'end', state };
    case 'ACCEPT':
    case 'DROP':
    case 'REJECT':
    case 'RETURN':
    case 'MASQUERADE':
      return yield { kind: kinds[target], state };
    case 'DNAT': {
      const [, ip = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(value('--to-destination') ?? '') ?? [];
      return yield {
        kind: 'dnat',
        state: { ...state, destination: ip, port: Number(port), translated: true },
      };
    }
    case 'MARK': {
      const or = Number(value('--or-mark') ?? 0);
      const xor = Number(value('--xor-mark') ?? 0);
      const [set = 0, mask = 0xffffffff] = (value('--set-xmark') ?? '0/0').split('/').map(Number);
      return yield { kind: 'end', state: { ...state, mark: (((state.mark | or) ^ xor) & ~mask) ^ set } };
    }
    default:
      for (const step of walk(rules, table, target, state))
        yield step.kind === 'return' ? { kind: 'end', state: step.state } : step;
  }
}

const kinds = {
  ACCEPT: 'accept',
  DROP: 'drop',
  REJECT: 'reject',
  RETURN: 'return',
  MASQUERADE: 'masquerade',
} as const;

function matches(rule: ParsedRule, state: State): boolean {
  for (const [name, { negated, value }] of rule.options) {
    const found = matchesOne(name, value, state);
    if (found !== undefined && found === negated) return false;
  }
  return true;
}

/** Undefined for options that match nothing by themselves, such as comments and targets. */
function matchesOne(name: string, value: string, state: State): boolean | undefined {
  switch (name) {
    case '--source':
      return inNetwork(value, state.source);
    case '--destination':
      return inNetwork(value, state.destination);
    case '--protocol':
      return value === state.protocol;
    case '--dport':
      return Number(value) === state.port;
    case '--in-interface':
      return value.endsWith('+')
        ? (state.interface ?? '').startsWith(value.slice(0, -1))
        : value === state.interface;
    case '--src-type':
      return isLocal(state.source, state);
    case '--dst-type':
      return isLocal(state.destination, state);
    case '--mark': {
      const [want = 0, mask = 0xffffffff] = value.split('/').map(Number);
      return (state.mark & mask) >>> 0 === want;
    }
    case '--ctstate':
      return value.split(',').some((one) => one === 'NEW' || (one === 'DNAT' && state.translated));
    case '--rcheck':
      return false;
    default:
      return undefined;
  }
}

function inNetwork(network: string, address: string): boolean {
  const cidr = cidrOf(
    network.includes('/') ? network : `${network}/${widthOf(network.includes(':') ? 'IPv6' : 'IPv4')}`,
  );
  return cidr !== undefined && contains(cidr, address);
}

function isLocal(address: string, { nodeIps }: { nodeIps: readonly string[] }): boolean {
  return nodeIps.includes(address) || address === '::1' || address.startsWith('127.');
}

function linesOf(rules: RuleSet, table: TableName, chain: string): readonly string[] {
  const { chains, hooks } = rules[table];
  return chains.get(chain) ?? hooks.filter((hook) => hook.chain === chain).map((hook) => hook.rule);
}

const known = new Map<string, ParsedRule>();

/** Tracing many packets reads the same rules again and again. */
function parsed(line: string): ParsedRule {
  const rule = known.get(line) ?? parseRule(line);
  if (known.size > 50_000) known.clear();
  known.set(line, rule);
  return rule;
}
