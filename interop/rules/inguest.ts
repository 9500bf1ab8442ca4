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
  /** The genuine proxy's. */
  readonly command: readonly string[];
  /** Of its one history. */
  readonly seed: number;
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
  { command: kubeProxy, seed, rounds, deviations }: GuestComparison,
  comparisons: Map<string, Comparison>,
): Promise<{ cases: Case[]; deaths: number }> {
  const script = fileURLToPath(new URL('guest.ts', import.meta.url));
  const command = [process.execPath, script, folder, String(seed), String(rounds), ...kubeProxy];
  const cases: Case[] = [];
  try {
    const { exitCode, stdout, stderr } = await runInGuest(command, {
      output: 'capture',
      memory: '2G',
      // Before Linux 6.9 IPVS answers nobody in another user namespace.
      env: { ...process.env, V9S_USER_NAMESPACE: 'shared' },
      onOutput: (chunk) => say(String(chunk).trimEnd()),
    });
    const why = `the guest ended with ${exitCode}: ${`${stdout}${stderr}`.slice(-2_000)}`;
    cases.push({
      name: 'ipvs: all rounds',
      ...(exitCode === 0 ? { outcome: 'passed' } : { outcome: 'failed', reason: why }),
    });
  } catch (error) {
    if (!(error instanceof GuestUnavailable)) throw error;
    return { cases: [{ name: 'ipvs: all rounds', outcome: 'skipped', reason: error.message }], deaths: 0 };
  }
  for (const line of (await readIfThere(join(folder, 'ipvs.jsonl'))).split('\n').filter(Boolean)) {
    const { objects, genuine, ours } = JSON.parse(line) as Recorded;
    const round = { genuine, ours: new Map([['ipvs', ours]]), objects, flows: flowsOf(objects) };
    await compareRound(
      round,
      { mode: 'ipvs', deviations, configuration: settings[0].configuration },
      comparisons,
    );
  }
  const log = await readIfThere(join(folder, 'ipvs-genuine.log'));
  return { cases, deaths: log.match(/^panic: /gm)?.length ?? 0 };
}

const readIfThere = (path: string) =>
  readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return '';
  });
