import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { missingFeatures } from '../../kernel/features.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { ensureGuestKernel, GuestUnavailable } from '../../lab/guest/packages.ts';

/** Plays a scenario as a user does, and gives what was printed. */
export function play(name: string): { status: number | null; stdout: string; stderr: string } {
  const command = [join(packageRoot, 'dist/v9s.js'), 'scenario', name];
  return spawnSync(process.execPath, command, { encoding: 'utf8' });
}

/** Why there is no IPVS, neither in this kernel nor in a guest; undefined where there is. Says so, too. */
export async function withoutIpvs(): Promise<string | undefined> {
  const missing = await missingFeatures(['ip_vs', 'ip_set', 'dummy']);
  if (missing.length === 0) return undefined;
  try {
    await ensureGuestKernel();
    return undefined;
  } catch (error) {
    if (!(error instanceof GuestUnavailable)) throw error;
    console.log(`skipped: ${error.message}`);
    return error.message;
  }
}
