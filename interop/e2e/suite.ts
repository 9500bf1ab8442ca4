import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Case } from '../part.ts';
import { startInternetStandIn } from './internet.ts';
import { readReports, skipReasons } from './report.ts';

export interface SuiteOptions {
  /** Paths of `e2e.test`, `ginkgo` and `kubectl`. */
  readonly program: string;
  readonly ginkgo: string;
  readonly kubectl: string;
  readonly kubeconfig: string;
  /** Of the tests' names, a regular expression as Go has them. */
  readonly focus: string;
  /** Where reports and what was printed go. */
  readonly folder: string;
  /** How many tests run at a time; those that must be alone run afterwards. */
  readonly parallel: number;
  say(line: string): void;
}

export interface SuiteResult {
  readonly cases: Case[];
  /** As one would type it. */
  readonly command: string;
  readonly seconds: number;
}

/** Upstream's marks of what bears no other test beside it. */
const alone = '\\[Serial\\]|\\[Disruptive\\]';

/**
 * Runs tests of upstream's suite with the runner that upstream has for it.
 * @throws Error if none ran
 */
export async function runSuite(options: SuiteOptions): Promise<SuiteResult> {
  const started = Date.now();
  await using internet = await startInternetStandIn();
  const { focus, parallel, folder } = options;
  const first = await runOnce(options, internet.env, 'parallel', parallel, [
    `-focus=${focus}`,
    `-skip=${alone}`,
  ]);
  const both = `(${focus}).*(${alone})|(${alone}).*(${focus})`;
  const second = await runOnce(options, internet.env, 'serial', 1, [`-focus=${both}`]);
  const cases = [...first, ...second];
  if (cases.length === 0) throw new Error(`no test ran:\n${endOf(join(folder, 'parallel.log'))}`);
  return {
    cases,
    command: `e2e.test --provider=skeleton --kubeconfig=KUBECONFIG --ginkgo.focus='${focus}'`,
    seconds: Math.round((Date.now() - started) / 1000),
  };
}

async function runOnce(
  { program, ginkgo, kubectl, kubeconfig, folder, say }: SuiteOptions,
  env: Readonly<Record<string, string>>,
  name: string,
  parallel: number,
  selection: readonly string[],
): Promise<Case[]> {
  const reports = join(folder, name);
  const child = spawn(
    ginkgo,
    [
      ...['-noColor', `-nodes=${parallel}`, ...selection, program, '--', '--provider=skeleton'],
      ...[`--kubeconfig=${kubeconfig}`, `--kubectl-path=${kubectl}`, `--report-dir=${reports}`],
      // Else it asks nodes for their journals over SSH after the last test.
      '--disable-log-dump',
      // Of its parallel runners only the first counts them; the others would skip what needs two.
      '--num-nodes=2',
    ],
    {
      cwd: folder,
      env: { ...process.env, ...env, KUBECONFIG: kubeconfig },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const log = join(folder, `${name}.log`);
  const ended = once(child, 'close') as Promise<[number | null]>;
  child.stderr.pipe(createWriteStream(`${log}.err`));
  await pipeline(child.stdout, createWriteStream(log));
  const [code] = await ended;
  const text = readFileSync(log, 'utf8');
  const reasons = skipReasons(text);
  const cases = (await readReports(reports)).map((one) => {
    const reason = one.outcome === 'skipped' ? reasons.get(one.name) : undefined;
    return reason === undefined ? one : { ...one, reason };
  });
  if (code !== 0 && cases.every(({ outcome }) => outcome !== 'failed'))
    throw new Error(`ginkgo ended with ${code}:\n${endOf(log)}${endOf(`${log}.err`)}`);
  say(`${name}: ${cases.length} tests ran`);
  return cases;
}

const endOf = (file: string) => readFileSync(file, 'utf8').split('\n').slice(-30).join('\n');
