import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../kernel/package-root.ts';
import type { Case, PartContext } from './part.ts';

/** All but those that are about the modes of our own dataplane. */
export const scenarios = [
  'hostnames',
  'subdomain',
  'expose',
  'clusterip',
  'nodeport',
  'coredns',
  'pods',
  'flannel',
  'kubeadm',
];

/** How a scenario went, check by check. */
interface Played {
  readonly checks: readonly Case[];
  readonly exitCode: number | null;
  readonly stderr: string;
}

/**
 * Plays scenarios as `v9s scenario NAME` does, with upstream's programs in the place of ours. Gives a case for every
 * check, `NAME: CHECK`, in the order of the stories.
 *
 * @param programs as `v9s up --program` has them
 */
export async function playScenarios(
  names: readonly string[],
  programs: readonly string[],
  { say }: Pick<PartContext, 'say'>,
  environment: Readonly<Record<string, string>> = {},
): Promise<Case[]> {
  const cases: Case[] = [];
  for (const name of names) {
    const began = Date.now();
    const { checks, exitCode, stderr } = await play(name, programs, { ...process.env, ...environment });
    const failed = checks.filter(({ outcome }) => outcome === 'failed').length;
    say(`scenario ${name}: ${checks.length} checks, ${failed} failed, ${seconds(began)} s`);
    cases.push(...checks);
    // Whatever kept it from its story is no check of it.
    if (exitCode !== (failed > 0 ? 1 : 0) || checks.length === 0)
      cases.push({
        name: `${name}: the scenario is played to its end`,
        outcome: 'failed',
        reason: `exit code ${exitCode}: ${stderr.trim().split('\n').slice(-5).join('; ')}`,
      });
  }
  return cases;
}

const seconds = (began: number) => Math.round((Date.now() - began) / 1_000);

function play(scenario: string, programs: readonly string[], env: NodeJS.ProcessEnv): Promise<Played> {
  const flags = programs.flatMap((one) => ['--program', one]);
  const command = [join(packageRoot, 'dist/v9s.js'), 'scenario', scenario, '--lines', ...flags];
  const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => {
      const lines = Buffer.concat(output).toString().split('\n');
      const checks = lines.flatMap((line) => checkOf(scenario, line) ?? []);
      resolve({ checks, exitCode, stderr: Buffer.concat(errors).toString() });
    });
  });
}

/** Lines are those of `recordReport`; only checks are of interest here. */
function checkOf(scenario: string, line: string): Case | undefined {
  if (!line.startsWith('["check"')) return undefined;
  const [, text, holds, found] = JSON.parse(line) as ['check', string, boolean, string?];
  const name = `${scenario}: ${text}`;
  return holds
    ? { name, outcome: 'passed' }
    : { name, outcome: 'failed', reason: `found: ${shortened(found)}` };
}

/** Whole listings belong to the story, not to a verdict. */
const shortened = (text = 'nothing') => (text.length > 600 ? `${text.slice(0, 600)}…` : text).trim();
