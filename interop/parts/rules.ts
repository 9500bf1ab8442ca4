import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startTestApiserver } from '../../apiserver/testing/apiserver.ts';
import type { Case, Part, PartContext, PartResult } from '../part.ts';
import { createRoundWriter } from '../rules/api.ts';
import { compareChains } from '../rules/chains.ts';
import { type Comparison, compareRound } from '../rules/compare.ts';
import { deviations as commonDeviations, type Deviation, deviationsOf } from '../rules/deviations.ts';
import { flowsOf } from '../rules/flows.ts';
import { compareHealthChecks } from '../rules/healthchecks.ts';
import { compareInGuest } from '../rules/inguest.ts';
import { ipvsDeviations } from '../rules/ipvs.ts';
import { laterMetrics, missingMetrics } from '../rules/metrics.ts';
import { nftablesDeviations } from '../rules/nftables.ts';
import { ownCommand, type ProxyCommand, startProxiedNode } from '../rules/nodes.ts';
import { randomRounds } from '../rules/objects.ts';
import { servePods, trySome } from '../rules/packets.ts';
import { compareUdp } from '../rules/udp.ts';

const everyDeviation = [...commonDeviations, ...ipvsDeviations];

/** Same objects, both proxies: genuine kube-proxy and ours on a node each, and the same questions to their rules. */
export const part: Part = {
  name: 'rules',
  title: 'the same Services and EndpointSlices to genuine kube-proxy and to ours: where do packets go?',
  async run(context) {
    const seeds = Number(context.options[0] ?? 8);
    const rounds = Number(context.options[1] ?? 4);
    const kubeProxy = await context.component('kube-proxy');
    const release = await releaseOf(kubeProxy);
    const guestRounds = Number(context.options[2] ?? 6);
    const deviations = deviationsOf(release, 'iptables');
    const { comparisons, cases } = await watch(context, { kubeProxy, release, seeds, rounds, deviations });
    const balanced = deviationsOf(release, 'ipvs', everyDeviation);
    const guest = { kubeProxy, gates: gates(release), seeds: 2, rounds: guestRounds, deviations: balanced };
    const more = guestRounds > 0 ? await compareInGuest(context, guest, comparisons) : [];
    return {
      component: `kube-proxy ${release}, modes iptables and ipvs`,
      ran: `npm run test:interop -- rules ${seeds} ${rounds} ${guestRounds}: ${seeds} histories of ${rounds} rounds each, in mode ipvs 2 of ${guestRounds}: ${flowTotals(comparisons)}`,
      cases: [...[...comparisons].map(flowCase), ...more, ...cases],
      deviations: [
        ...told(comparisons, [
          ...deviations,
          ...balanced.filter((one) => !deviations.includes(one)),
          ...nftablesDeviations,
        ]),
        ...laterMetrics,
      ],
    };
  },
};

interface Watching {
  readonly kubeProxy: string;
  readonly release: string;
  readonly seeds: number;
  readonly rounds: number;
  readonly deviations: readonly Deviation[];
}

async function watch(context: PartContext, { kubeProxy, release, seeds, rounds, deviations }: Watching) {
  const api = await startTestApiserver({ serviceCidrs: ['10.96.0.0/16', 'fd00:96::/112'] });
  await using ending = new AsyncDisposableStack();
  ending.defer(() => api.stop());
  const start = async (command: ProxyCommand) =>
    ending.use(await startProxiedNode(command, { folder: context.folder, socket: api.socket }));
  const writer = await createRoundWriter(api.client);
  const genuine = await start({ name: 'genuine', mode: 'iptables', command: [kubeProxy, ...gates(release)] });
  const iptables = await start({ name: 'iptables', mode: 'iptables', command: ownCommand() });
  const nftables = await start({ name: 'nftables', mode: 'nftables', command: ownCommand() });
  const flat = await start({
    name: 'nftables, layout flat',
    mode: 'nftables',
    command: [...ownCommand(), '--nftables-layout=flat'],
  });
  const ours = [iptables, nftables, flat];
  await Promise.all([genuine, ...ours].map(servePods));

  const comparisons = new Map<string, Comparison>();
  const checks = {
    chains: counted(),
    'health checks': counted(),
    'packets through genuine rules': counted(),
    'packets through rules of mode iptables': counted(),
    'packets through rules of mode nftables': counted(),
    'packets through rules of mode nftables, layout flat': counted(),
  };
  for (let seed = 1; seed <= seeds; seed++) {
    for (const [i, round] of randomRounds(seed, rounds).entries()) {
      const { objects, mark } = await writer.write(round);
      const [theirs, ...own] = await Promise.all([genuine, ...ours].map((node) => node.rulesWith(mark)));
      if (!theirs) throw new Error('no rules');
      const texts = new Map(ours.map(({ name }, n) => [name, own[n] ?? theirs]));
      const flows = flowsOf(objects);
      await compareRound(
        { genuine: theirs, ours: texts, objects, flows },
        { mode: 'iptables', deviations },
        comparisons,
      );
      const chains = await compareChains(theirs, objects, deviations);
      checks.chains.add(chains.chains, chains.wrong);
      const health = await compareHealthChecks(objects, genuine, iptables);
      checks['health checks'].add(health.tried, health.wrong);
      if (i < rounds - 1) continue;
      const packets = await Promise.all([
        trySome(genuine, theirs, flows, 60),
        ...ours.map((node) => trySome(node, texts.get(node.name) ?? theirs, flows, 60)),
      ]);
      for (const [n, name] of (
        ['genuine rules', ...ours.map(({ name }) => `rules of mode ${name}`)] as const
      ).entries())
        checks[`packets through ${name}` as keyof typeof checks].add(
          packets[n]?.tried ?? 0,
          packets[n]?.wrong ?? [],
        );
    }
    context.say(`rules: history ${seed} of ${seeds}: ${flowTotals(comparisons)}`);
  }
  const udp = await compareUdp(writer, [genuine, ...ours]);
  const metrics = await missingMetrics(genuine, iptables);
  return {
    comparisons,
    cases: [
      ...Object.entries(checks).map(([name, { count, wrong }]) => verdict(`${name} (${count})`, wrong)),
      verdict('UDP clients that keep their port, on all four nodes', udp),
      verdict(`metrics by name (${metrics.names})`, metrics.missing),
      verdict('the API server failed nowhere', api.failures.map(String)),
    ],
  };
}

/** Dual stack has been on since 1.21, and its gate is gone since 1.25. */
const gates = (release: string) =>
  Number(release.split('.')[1]) < 21 ? ['--feature-gates=IPv6DualStack=true'] : [];

async function releaseOf(kubeProxy: string): Promise<string> {
  const { stdout } = await promisify(execFile)(kubeProxy, ['--version']);
  const [, release] = /v(\d+\.\d+\.\d+)/.exec(stdout) ?? [];
  if (!release)
    throw new Error(`${kubeProxy} --version says ${JSON.stringify(stdout)}, which names no release`);
  return release;
}

function counted() {
  const wrong: string[] = [];
  return {
    count: 0,
    wrong,
    add(count: number, more: readonly string[]) {
      this.count += count;
      wrong.push(...more);
    },
  };
}

const verdict = (name: string, wrong: readonly string[]): Case =>
  wrong.length === 0
    ? { name, outcome: 'passed' }
    : { name, outcome: 'failed', reason: `${wrong.length} times, first: ${wrong[0]}` };

const flowCase = ([name, { flows, same, explained, wrong }]: [string, Comparison]): Case =>
  verdict(
    `${name} (${flows} flows: ${same} the same, ${sum(explained.values())} otherwise as foretold)`,
    wrong,
  );

const sum = (numbers: Iterable<number>) => [...numbers].reduce((a, b) => a + b, 0);

function flowTotals(comparisons: ReadonlyMap<string, Comparison>): string {
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

/** Each deviation that was met, with how many flows it made differ in each mode. */
function told(
  comparisons: ReadonlyMap<string, Comparison>,
  deviations: readonly { readonly what: string; readonly reason: string }[],
): PartResult['deviations'] {
  return deviations.flatMap(({ what, reason }) => {
    const counts = new Map<string, number>();
    for (const [name, { explained }] of comparisons)
      for (const [text, count] of explained) {
        const mode = name.slice(0, name.indexOf(':'));
        if (text.split(' + ').includes(what)) counts.set(mode, (counts.get(mode) ?? 0) + count);
      }
    if (counts.size === 0) return [];
    const flows = [...counts].map(([mode, count]) => `${count} flows of ${mode}`).join(', ');
    return [{ what: `${what} (${flows})`, reason }];
  });
}
