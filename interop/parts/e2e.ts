import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { versionOf } from '../components/components.ts';
import { knownReasons } from '../e2e/known.ts';
import { asOf120, dualStack, startLab } from '../e2e/lab.ts';
import { runSuite } from '../e2e/suite.ts';
import type { Case, Part } from '../part.ts';

/** What each option runs. Without one: the 32 of the network that every conformant cluster must pass. */
const focuses: Readonly<Record<string, string>> = {
  'network-conformance': '\\[sig-network\\].*\\[Conformance\\]',
  network: '\\[sig-network\\]',
  conformance: '\\[Conformance\\]',
};

/**
 * Upstream's end-to-end suite on a lab of two nodes, as `v9s up` gives it. Options: `network`, `conformance`, or
 * `--focus=REGEX`; `--parallel=N` tests at a time (default 4), `--runs=N` on a new lab each (default 1), and
 * `--log=FOLDER` keeps what was printed.
 */
export const part: Part = {
  name: 'e2e',
  title: "upstream's end-to-end suite, unmodified, on a lab of two nodes",
  keptAs(options) {
    if (options.some((one) => one.startsWith('--focus='))) return undefined;
    return ['e2e', ...options.filter((one) => !one.startsWith('--'))].join(' ');
  },
  async run({ folder, options, component, say }) {
    const setting = (name: string) =>
      options.find((one) => one.startsWith(`--${name}=`))?.slice(name.length + 3);
    const named = options.find((one) => !one.startsWith('--')) ?? 'network-conformance';
    const focus = setting('focus') ?? focuses[named];
    if (!focus) throw new Error(`no suite "${named}"; known are ${Object.keys(focuses).join(', ')}`);
    const programs = {
      program: await component('e2e.test'),
      ginkgo: await component('ginkgo'),
      kubectl: await component('kubectl'),
    };
    const runs = Number(setting('runs') ?? 1);
    const all: Case[][] = [];
    let ran = '';
    for (let run = 1; run <= runs; run++) {
      const place = join(setting('log') ?? folder, `run-${run}`);
      await mkdir(place, { recursive: true });
      const lab = await startLab(place, named === 'network' ? [...asOf120, ...dualStack] : asOf120);
      try {
        const parallel = Number(setting('parallel') ?? 4);
        const { kubeconfig } = lab;
        const result = await runSuite({ ...programs, focus, kubeconfig, folder: place, parallel, say });
        all.push(result.cases);
        ran = result.command;
        const passed = result.cases.filter(({ outcome }) => outcome === 'passed').length;
        say(`run ${run} of ${runs}: ${passed} of ${result.cases.length} passed in ${result.seconds} s`);
      } finally {
        await lab.stop();
      }
    }
    const cases = worst(all);
    return {
      component: `e2e.test ${await versionOf(programs.program)}`,
      ran: runs > 1 ? `${ran}\n# ${runs} times, on a new lab each; what passed, passed each time` : ran,
      cases,
      deviations: knownReasons(cases),
    };
  },
};

/** A test passed if it passed each time. */
function worst(runs: readonly (readonly Case[])[]): Case[] {
  const rank = { failed: 0, skipped: 1, passed: 2 };
  const byName = new Map<string, Case>();
  for (const one of runs.flat()) {
    const before = byName.get(one.name);
    if (!before || rank[one.outcome] < rank[before.outcome]) byName.set(one.name, one);
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
