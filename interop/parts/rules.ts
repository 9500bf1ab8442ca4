import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Case, Part, PartResult } from '../part.ts';
import type { Comparison } from '../rules/compare.ts';
import { deviations as commonDeviations, deviationsOf } from '../rules/deviations.ts';
import { compareInGuest } from '../rules/inguest.ts';
import { ipvsDeviations } from '../rules/ipvs.ts';
import { laterMetrics } from '../rules/metrics.ts';
import { nftablesDeviations } from '../rules/nftables.ts';
import { settings } from '../rules/settings.ts';
import { flowTotals, verdict, watch } from '../rules/watch.ts';

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
    const command = [kubeProxy, ...gates(release)];
    const deviations = deviationsOf(release, 'iptables');
    const balanced = deviationsOf(release, 'ipvs', everyDeviation);
    // A history with many Services: rounds are slow in a guest, flows are not.
    const guest = { command, seed: 6, rounds: guestRounds, deviations: balanced };
    const inGuest = new Map<string, Comparison>();
    const [watched, { cases: more, deaths }] = await Promise.all([
      watch(context, { genuine: command, seeds, rounds, deviations }),
      guestRounds > 0 ? compareInGuest(context, guest, inGuest) : { cases: [], deaths: 0 },
    ]);
    const comparisons = new Map([...watched.comparisons, ...inGuest]);
    return {
      component: `kube-proxy ${release}, modes iptables and ipvs`,
      ran: `npm run test:interop -- rules ${seeds} ${rounds} ${guestRounds}: ${seeds} histories of ${rounds} rounds each, with ${settings.map(({ name }) => name).join(', ')} in turn, in mode ipvs one of ${guestRounds}: ${flowTotals(comparisons)}`,
      cases: [...[...comparisons].map(flowCase), ...more, ...watched.cases],
      deviations: [
        ...told(comparisons, [
          ...deviations,
          ...balanced.filter((one) => !deviations.includes(one)),
          ...nftablesDeviations,
        ]),
        ...laterMetrics,
        ...(deaths > 0 ? [crashes(deaths)] : []),
      ],
    };
  },
};

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

const crashes = (deaths: number) => ({
  what: `genuine kube-proxy crashed in mode ipvs (${deaths} times, and was started again)`,
  reason:
    'NewDualStackProxier of pkg/proxy/ipvs in 1.20 gives its IPv6 half no recorder of events, which it asks as soon as the port of an externalIP is still held for another Service',
});

const flowCase = ([name, { flows, same, explained, wrong }]: [string, Comparison]): Case =>
  verdict(
    `${name} (${flows} flows: ${same} the same, ${sum(explained.values())} otherwise as foretold)`,
    wrong,
  );

const sum = (numbers: Iterable<number>) => [...numbers].reduce((a, b) => a + b, 0);

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
