import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { missingFeatures } from '../kernel/features.ts';
import { packageRoot } from '../kernel/package-root.ts';
import { ensureGuestKernel, GuestUnavailable } from '../lab/guest/packages.ts';

/** Why there is no kernel to play it in. */
const lacking = await (async () => {
  const missing = await missingFeatures(['ip_vs', 'ip_set', 'dummy']);
  if (missing.length === 0) return undefined;
  return ensureGuestKernel().then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof GuestUnavailable) return error.message;
      throw error;
    },
  );
})();
if (lacking) console.log(`skipped: ${lacking}`);

it.skipIf(lacking)(
  'v9s scenario ipvs ends well, in this kernel or in a guest, with the lines of the article',
  { timeout: 300_000 },
  () => {
    const command = [join(packageRoot, 'dist/v9s.js'), 'scenario', 'ipvs'];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/\nAll \d+ checks held, in [\d.]+ s\.\n$/);
    expect(stdout).toContain('inet 10.0.0.228/32 brd 10.0.0.228 scope global kube-ipvs0');
    expect(stdout).toContain('TCP  127.0.0.1:41583 rr');
    expect(stdout).not.toContain('\u001b');
  },
);
