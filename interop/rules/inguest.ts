import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubeObject } from '../../api/object.ts';
import { GuestUnavailable, runInGuest } from '../../lab/guest/guest.ts';
import type { Case, PartContext } from '../part.ts';
import { type Comparison, compareRound, type RuleTexts } from './compare.ts';
import type { Deviation } from './deviations.ts';
import { flowsOf } from './flows.ts';
import { settings } from './settings.ts';

export interface GuestComparison {
  readonly kubeProxy: string;
  readonly gates: readonly string[];
  readonly seeds: number;
  readonly rounds: number;
  readonly deviations: readonly Deviation[];
}

/** What `guest.ts` writes of a round. */
interface Recorded {
  readonly objects: readonly KubeObject[];
  readonly genuine: RuleTexts;
  readonly ours: RuleTexts;
}

/**
 * Mode ipvs of both proxies in a guest kernel, which has IPVS where this one has not; flows are asked for here. Adds to the
 * comparisons; where there is no guest kernel, says so in a case. `deaths` is how many times the genuine one crashed.
 */
export async function compareInGuest(
  { folder, say }: PartContext,
  { kubeProxy, gates, seeds, rounds, deviations }: GuestComparison,
  comparisons: Map<string, Comparison>,
): Promise<{ cases: Case[]; deaths: number }> {
  const script = fileURLToPath(new URL('guest.ts', import.meta.url));
  const command = [process.execPath, script, kubeProxy, folder, String(seeds), String(rounds), ...gates];
  try {
    const { exitCode, stdout, stderr } = await runInGuest(command, {
      output: 'capture',
      memory: '2G',
      // Before Linux 6.9 IPVS answers nobody in another user namespace.
      env: { ...process.env, V9S_USER_NAMESPACE: 'shared' },
      onOutput: (chunk) => say(String(chunk).trimEnd()),
    });
    if (exitCode !== 0)
      throw new Error(`the guest ended with ${exitCode}: ${`${stdout}${stderr}`.slice(-2_000)}`);
  } catch (error) {
    if (!(error instanceof GuestUnavailable)) throw error;
    return { cases: [{ name: 'ipvs: every flow', outcome: 'skipped', reason: error.message }], deaths: 0 };
  }
  const lines = (await readFile(join(folder, 'ipvs.jsonl'), 'utf8')).trim().split('\n');
  for (const line of lines) {
    const { objects, genuine, ours } = JSON.parse(line) as Recorded;
    const round = { genuine, ours: new Map([['ipvs', ours]]), objects, flows: flowsOf(objects) };
    await compareRound(
      round,
      { mode: 'ipvs', deviations, configuration: settings[0].configuration },
      comparisons,
    );
  }
  const log = await readFile(join(folder, 'ipvs-genuine.log'), 'utf8');
  return { cases: [], deaths: log.match(/^panic: /gm)?.length ?? 0 };
}
