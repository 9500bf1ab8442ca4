import { startTestApiserver } from '../../apiserver/testing/apiserver.ts';
import type { Case, PartContext } from '../part.ts';
import { createRoundWriter, type RoundWriter } from './api.ts';
import { compareChains } from './chains.ts';
import { type Comparison, compareRound } from './compare.ts';
import type { Deviation } from './deviations.ts';
import { flowsOf } from './flows.ts';
import { compareHealthChecks } from './healthchecks.ts';
import { comparePages, missingMetrics } from './metrics.ts';
import { ownCommand, type ProxiedNode, startProxiedNode } from './nodes.ts';
import { randomRounds } from './objects.ts';
import { servePods, trySome } from './packets.ts';
import { type Setting, settings } from './settings.ts';
import { compareUdp } from './udp.ts';

export interface Watching {
  /** The genuine proxy's command. */
  readonly genuine: readonly string[];
  readonly seeds: number;
  readonly rounds: number;
  readonly deviations: readonly Deviation[];
}

/** What was seen of a genuine proxy in mode iptables and of ours in the modes that need no guest. */
export interface Watched {
  readonly comparisons: Map<string, Comparison>;
  readonly cases: Case[];
}

/** One history after the other goes by four nodes, each history with another setting. */
export async function watch({ folder, say }: PartContext, watching: Watching): Promise<Watched> {
  const { seeds } = watching;
  const api = await startTestApiserver({ serviceCidrs: ['10.96.0.0/16', 'fd00:96::/112'] });
  await using ending = new AsyncDisposableStack();
  ending.defer(() => api.stop());
  const writer = await createRoundWriter(api.client);
  const comparisons = new Map<string, Comparison>();
  const counts = new Map<string, Count>();
  for (let seed = 1; seed <= seeds; seed++) {
    const setting = settings[(seed - 1) % settings.length] ?? settings[0];
    await using nodes = await startNodes(setting, watching, { folder, socket: api.socket });
    await follow(seed, { writer, nodes, setting, watching, comparisons, counts });
    say(`history ${seed} of ${seeds} (${setting.name}): ${flowTotals(comparisons)}`);
  }
  return {
    comparisons,
    cases: [
      ...[...counts].map(([name, { count, wrong }]) => verdict(`${name} (${count})`, wrong)),
      verdict('the API server failed nowhere', api.failures.map(String)),
    ],
  };
}

interface Nodes extends AsyncDisposable {
  readonly genuine: ProxiedNode;
  readonly iptables: ProxiedNode;
  readonly ours: readonly ProxiedNode[];
}

async function startNodes(
  setting: Setting,
  { genuine: command }: Watching,
  at: { folder: string; socket: string },
): Promise<Nodes> {
  const own = ownCommand();
  const stack = new AsyncDisposableStack();
  const start = async (name: string, mode: 'iptables' | 'nftables', words: readonly string[]) =>
    stack.use(await startProxiedNode({ name, mode, command: words, setting }, at));
  const [genuine, iptables, nftables, flat] = [
    await start('genuine', 'iptables', command),
    await start('iptables', 'iptables', own),
    await start('nftables', 'nftables', own),
    await start('nftables, layout flat', 'nftables', [...own, '--nftables-layout=flat']),
  ];
  const ours = [iptables, nftables, flat];
  await Promise.all([genuine, ...ours].map(servePods));
  return { genuine, iptables, ours, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

interface Following {
  readonly writer: RoundWriter;
  readonly nodes: Nodes;
  readonly setting: Setting;
  readonly watching: Watching;
  readonly comparisons: Map<string, Comparison>;
  readonly counts: Map<string, Count>;
}

async function follow(seed: number, { writer, nodes, setting, watching, comparisons, counts }: Following) {
  const { genuine, iptables, ours } = nodes;
  const { deviations, rounds } = watching;
  const eyes = { mode: 'iptables', deviations, configuration: setting.configuration } as const;
  const add = (name: string, count: number, wrong: readonly string[]) => {
    const before = counts.get(name) ?? { count: 0, wrong: [] };
    counts.set(name, { count: before.count + count, wrong: [...before.wrong, ...wrong] });
  };
  for (const [i, round] of randomRounds(seed, rounds).entries()) {
    const { objects, mark } = await writer.write(round);
    const [theirs, own] = await Promise.all([
      genuine.rulesWith(mark),
      Promise.all(ours.map(async (node) => [node.name, await node.rulesWith(mark)] as const)),
    ]);
    const flows = flowsOf(objects);
    await compareRound({ genuine: theirs, ours: new Map(own), objects, flows }, eyes, comparisons);
    const chains = await compareChains(theirs, objects, eyes);
    add('chains of Services and endpoints, word for word', chains.chains, chains.wrong);
    const health = await compareHealthChecks(objects, genuine, iptables);
    add('health checks', health.tried, health.wrong);
    if (i < rounds - 1) continue;
    const packets = await trySome(genuine, theirs, flows, 60);
    add('packets of genuine mode iptables go where its rules are read to lead', packets.tried, packets.wrong);
    for (const [n, [name, texts]] of own.entries()) {
      const tried = await trySome(ours[n] ?? iptables, texts, flows, 60);
      add(`packets of our mode ${name} go where its rules are read to lead`, tried.tried, tried.wrong);
    }
  }
  const udp = await compareUdp(writer, [genuine, ...ours]);
  add('UDP clients that keep their port are sent to the endpoints there are', udp.tried, udp.wrong);
  const metrics = await missingMetrics(genuine, iptables);
  add('metrics by name', metrics.names, metrics.missing);
  const pages = await comparePages(genuine, iptables);
  add('/healthz and /proxyMode', pages.tried, pages.wrong);
}

interface Count {
  readonly count: number;
  readonly wrong: readonly string[];
}

export const verdict = (name: string, wrong: readonly string[]): Case =>
  wrong.length === 0
    ? { name, outcome: 'passed' }
    : { name, outcome: 'failed', reason: `${wrong.length} times, first: ${wrong[0]}` };

/** Of each mode: how many flows, and how many of them are the same. */
export function flowTotals(comparisons: ReadonlyMap<string, Comparison>): string {
  const modes = new Map<string, { flows: number; same: number; wrong: number }>();
  for (const [name, { flows, same, wrong }] of comparisons) {
    const mode = name.slice(0, name.indexOf(':'));
    const before = modes.get(mode) ?? { flows: 0, same: 0, wrong: 0 };
    modes.set(mode, {
      flows: before.flows + flows,
      same: before.same + same,
      wrong: before.wrong + wrong.length,
    });
  }
  return [...modes]
    .map(
      ([mode, { flows, same, wrong }]) => `${mode}: ${flows} flows, ${same} the same, ${wrong} unexplained`,
    )
    .join('; ');
}
