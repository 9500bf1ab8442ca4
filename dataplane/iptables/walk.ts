import { matches } from './match.ts';
import { type ParsedRule, parseRule } from './parse.ts';
import type { RuleSet, TableName } from './rules.ts';

/** A packet on its way through the tables: the first one of a connection. */
export interface State {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly protocol: string;
  readonly interface?: string;
  /** Whether it came in by a port of a bridge, and bridges show their packets to iptables. */
  readonly bridged: boolean;
  /** Whether an address is one of the node's own. */
  readonly local: (address: string) => boolean;
  /** Share of such packets that come here, 0 to 1. */
  readonly weight: number;
  readonly mark: number;
  /** Whether a rule gave it another destination. */
  readonly translated: boolean;
  /** The virtual server that took it, where there is IPVS. */
  readonly virtual?: { readonly address: string; readonly port: number };
  /** The rules that matched, as `table CHAIN rule`. */
  readonly path: readonly string[];
}

/** How a chain was left. */
export interface Step {
  readonly kind: 'end' | 'return' | 'accept' | 'drop' | 'reject' | 'dnat' | 'masquerade';
  readonly state: State;
}

/** Entries of the kernel's sets by name; undefined where there is no such set. */
export type Sets = (
  name: string,
) => { readonly size: number; has(entry: string): boolean; keys(): Iterable<string> } | undefined;

/** What a packet walks through. */
export interface Tables {
  /** The rules of a chain, as after `-A CHAIN `; undefined where there is no such chain. */
  rules(table: TableName, chain: string): readonly string[] | undefined;
  /** What becomes of packets that no rule of one of the kernel's own chains decided on. */
  policy(table: TableName, chain: string): 'accept' | 'drop';
  readonly sets: Sets;
}

/** Our own rules; the kernel's own chains have nothing but our jumps in them. */
export function tablesOf(rules: RuleSet, sets: Sets = () => undefined): Tables {
  return {
    rules(table, chain) {
      const { chains, hooks } = rules[table];
      const own = chains.get(chain);
      if (own || !/^[A-Z]+$/.test(chain)) return own;
      return hooks.filter((hook) => hook.chain === chain).map(({ rule }) => rule);
    },
    policy: () => 'accept',
    sets,
  };
}

/** One of the kernel's own chains, policy included. A draw makes two ways of one. */
export function* passed(tables: Tables, table: TableName, chain: string, state: State): Generator<Step> {
  for (const step of walk(tables, table, chain, state)) {
    if (step.kind !== 'end' && step.kind !== 'return') yield step;
    else yield { kind: tables.policy(table, chain), state: step.state };
  }
}

function* walk(tables: Tables, table: TableName, chain: string, from: State, index = 0): Generator<Step> {
  let state = from;
  const lines = tables.rules(table, chain) ?? [];
  for (let i = index; i < lines.length; i++) {
    const line = lines[i] as string;
    const rule = parsed(line);
    if (!holds(rule, state, tables, [table, chain, line])) continue;
    const share = Number(rule.options.get('--probability')?.value ?? 1);
    const taken: State = {
      ...state,
      weight: state.weight * share,
      path: [...state.path, `${table} ${chain} ${line}`],
    };
    for (const step of act(tables, table, rule, taken)) {
      if (step.kind === 'end') yield* walk(tables, table, chain, step.state, i + 1);
      else yield step;
    }
    if (share === 1) return;
    state = { ...state, weight: state.weight * (1 - share) };
  }
  yield { kind: 'end', state };
}

function holds(rule: ParsedRule, state: State, { sets }: Tables, where: readonly string[]): boolean {
  try {
    return matches(rule, state, sets);
  } catch (error) {
    throw new Error(`${where.join(' ')}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What a rule that matched does; `end` means that the chain goes on. */
function* act(tables: Tables, table: TableName, rule: ParsedRule, state: State): Generator<Step> {
  const value = (name: string) => rule.options.get(name)?.value;
  const goto = value('--goto');
  const target = goto ?? value('--jump') ?? '';
  const verdict = verdicts[target];
  if (verdict) return yield { kind: verdict, state };
  if (target === 'DNAT')
    return yield { kind: 'dnat', state: translated(state, value('--to-destination') ?? '') };
  if (target === 'MARK') return yield { kind: 'end', state: { ...state, mark: marked(state.mark, value) } };
  if (silent.has(target)) return yield { kind: 'end', state };
  if (!tables.rules(table, target))
    throw new Error(
      `${state.path.at(-1)}: there is no chain ${target}, nor is it a target that is known here`,
    );
  for (const step of walk(tables, table, target, state)) {
    const back = step.kind === 'end' || step.kind === 'return';
    // Who went there by -g comes back to where somebody jumped to this chain.
    yield back ? { kind: goto === undefined ? 'end' : 'return', state: step.state } : step;
  }
}

const verdicts: Readonly<Record<string, Step['kind']>> = {
  ACCEPT: 'accept',
  DROP: 'drop',
  REJECT: 'reject',
  RETURN: 'return',
  MASQUERADE: 'masquerade',
  SNAT: 'masquerade',
};

/** Targets after which a packet goes on as it was; the empty one is that of a rule that only counts. */
const silent = new Set(['', 'LOG', 'NFLOG', 'TRACE', 'CT', 'CONNMARK', 'TCPMSS']);

function translated(state: State, to: string): State {
  // Several colons without brackets are those of an IPv6 address that keeps its port.
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(to) ?? [];
  const destination = bracketed ?? plain ?? to;
  return {
    ...state,
    destination: destination || state.destination,
    port: port === undefined ? state.port : Number(port),
    translated: true,
  };
}

function marked(mark: number, value: (name: string) => string | undefined): number {
  const or = Number(value('--or-mark') ?? 0);
  const xor = Number(value('--xor-mark') ?? 0);
  const and = Number(value('--and-mark') ?? 0xffffffff);
  const [set = 0, mask = 0xffffffff] = (value('--set-xmark') ?? value('--set-mark') ?? '0/0')
    .split('/')
    .map(Number);
  return ((((mark | or) ^ xor) & and & ~mask) ^ set) >>> 0;
}

const known = new Map<string, ParsedRule>();

/** Tracing many packets reads the same rules again and again. */
function parsed(line: string): ParsedRule {
  const rule = known.get(line) ?? parseRule(line);
  if (known.size > 50_000) known.clear();
  known.set(line, rule);
  return rule;
}
