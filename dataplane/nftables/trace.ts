import { joinHostPort } from '../../api/address.ts';
import type { Outcome, Packet } from '../packet.ts';
import type { Table } from './table.ts';
import { isLocal, matches, readKey, type State } from './tracekey.ts';

/**
 * Where a packet would go, from one table alone: the base chains of each hook in the order of their priorities.
 * Reads what kube-proxy writes and what both layouts of this room have; throws on the rest.
 */
export function traceTable(table: Table, packet: Packet): Outcome[] {
  const local = isLocal(packet.source, packet);
  const start: State = {
    ...packet,
    protocol: packet.protocol ?? 'tcp',
    original: { destination: packet.destination, port: packet.port },
    mark: 0,
    translated: false,
    masqueraded: false,
    weight: 1,
    rules: [],
  };
  const routed = passed(table, [{ state: start, verdict: 'end' }], local ? 'output' : 'prerouting');
  const steps = routed.flatMap((step) => {
    const here = isLocal(step.state.destination, packet);
    // What the node sends to itself comes back in by the loopback device.
    const hooks = local
      ? ['postrouting', ...(here ? ['input'] : [])]
      : here
        ? ['input']
        : ['forward', 'postrouting'];
    return hooks.reduce((before, hook) => passed(table, before, hook), [step]);
  });
  return steps.map(({ state, verdict }) => ({
    probability: state.weight,
    verdict: verdict === 'drop' || verdict === 'reject' ? verdict : 'accept',
    to: joinHostPort(state.destination, state.port),
    masqueraded: state.masqueraded,
    rules: state.rules,
  }));
}

type Verdict = 'end' | 'return' | 'accept' | 'drop' | 'reject';

interface Step {
  readonly state: State;
  readonly verdict: Verdict;
}

const isFinal = (verdict: Verdict) => verdict === 'drop' || verdict === 'reject';

/** The base chains of one hook, one after the other; what one refuses the next does not see. */
function passed(table: Table, before: readonly Step[], hook: string): Step[] {
  const priority = (name: string) => table.chains.get(name)?.hook?.priority ?? 0;
  const names = [...table.chains.keys()]
    .filter((name) => table.chains.get(name)?.hook?.hook === hook)
    .sort((a, b) => priority(a) - priority(b));
  return names.reduce<Step[]>(
    (steps, name) =>
      steps.flatMap((step) => (isFinal(step.verdict) ? [step] : walk(table, name, step.state))),
    [...before],
  );
}

function walk(table: Table, name: string, start: State): Step[] {
  const chain = table.chains.get(name);
  if (!chain) throw new Error(`no chain ${name}`);
  const ended: Step[] = [];
  let states = [start];
  for (const rule of chain.rules) {
    const next: State[] = [];
    for (const state of states)
      for (const step of apply(table, rule, state, `${name} ${rule}`))
        if (step.verdict === 'end') next.push(step.state);
        else ended.push(step);
    states = next;
  }
  return [...ended, ...states.map((state): Step => ({ state, verdict: 'end' }))];
}

/** One rule, from left to right, until something in it does not match. */
function apply(table: Table, rule: string, before: State, name: string): Step[] {
  const unmatched: Step[] = [{ state: before, verdict: 'end' }];
  let rest = rule.replace(/ comment "[^"]*"$/, '');
  let state = before;
  while (rest) {
    const verdict = verdictOf(table, rest, { ...state, rules: [...state.rules, name] });
    if (verdict) return verdict;
    const [statement = '', set, how = '', bits = ''] = /^(mark) set mark (or|xor) (\S+) ?/.exec(rest) ?? [];
    if (set) {
      const mark = how === 'or' ? state.mark | Number(bits) : state.mark ^ Number(bits);
      state = { ...state, mark, rules: [...state.rules, name] };
      rest = rest.slice(statement.length);
      continue;
    }
    // What a packet teaches the table changes nothing for itself.
    if (rest.startsWith('update ')) return [{ state, verdict: 'end' }];
    const { keys, rest: after } = readKey(rest, state);
    const [, byVerdict, inMap] = /^vmap (\{ .* \}|@\S+)( .*)?$/.exec(after) ?? [];
    if (byVerdict !== undefined) {
      if (inMap) throw new Error(`cannot read what follows a verdict map: ${rule}`);
      return keys.flatMap(({ key, share }) => {
        const chosen = lookUp(table, byVerdict, key);
        const weighed = { ...state, weight: state.weight * share };
        if (chosen === undefined) return [{ state: { ...before, weight: weighed.weight }, verdict: 'end' }];
        const found = verdictOf(table, chosen, { ...weighed, rules: [...state.rules, name] });
        return found ?? [];
      });
    }
    const [key] = keys;
    const match = key === undefined ? undefined : matches(table, key.key, after);
    if (!match) throw new Error(`cannot read ${JSON.stringify(rest)} in ${rule}`);
    if (!match.holds) return unmatched;
    rest = match.rest;
  }
  return [{ state, verdict: 'end' }];
}

/** What ends a rule; undefined where the text goes on with a match. */
function verdictOf(table: Table, text: string, state: State): Step[] | undefined {
  const [word = '', target = ''] = text.split(' ');
  if (word === 'jump' || word === 'goto') {
    // Whoever went to another chain comes back from this one too; whoever jumped, to the next rule.
    const verdict: Verdict = word === 'goto' ? 'return' : 'end';
    return walk(table, target, state).map((step) =>
      step.verdict === 'end' || step.verdict === 'return' ? { ...step, verdict } : step,
    );
  }
  if (word === 'return' || word === 'drop' || word === 'reject' || word === 'accept')
    return [{ state, verdict: word }];
  if (word === 'masquerade') return [{ state: { ...state, masqueraded: true }, verdict: 'accept' }];
  if (word !== 'dnat') return undefined;
  const to = text.replace(/^dnat (?:ip6? )?to /, '');
  if (!to.includes(' map ')) {
    const cut = to.lastIndexOf(':');
    return [translate(state, to.slice(0, cut).replace(/[[\]]/g, ''), to.slice(cut + 1))];
  }
  const { keys, rest } = readKey(to, state);
  const map = rest.replace('map ', '');
  return keys.map(({ key, share }) => {
    const weighed = { ...state, weight: state.weight * share };
    const found = lookUp(table, map, key);
    if (found === undefined) return { state: weighed, verdict: 'end' };
    const [address = '', port = ''] = found.split(' . ');
    return translate(weighed, address, port);
  });
}

function translate(state: State, destination: string, port: string): Step {
  return { state: { ...state, destination, port: Number(port), translated: true }, verdict: 'accept' };
}

/** In a named map, or in one that the rule itself has. */
function lookUp(table: Table, map: string, key: string): string | undefined {
  if (map.startsWith('@')) return table.elements.get(map.slice(1))?.get(key)?.value;
  for (const item of map.slice(1, -1).split(',')) {
    const [own = '', value] = item.split(' : ');
    if (own.trim() === key) return value?.trim();
  }
  return undefined;
}
