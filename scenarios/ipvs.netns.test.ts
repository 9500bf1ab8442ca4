import { expect, it } from 'vitest';
import { play, withoutIpvs } from './testing/play.ts';

it.skipIf(await withoutIpvs())(
  'v9s scenario ipvs ends well, in this kernel or in a guest, with the lines of the article',
  { timeout: 600_000 },
  () => {
    const { status, stdout, stderr } = play('ipvs');
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/\nAll \d+ checks held, in [\d.]+ s\.\n$/);
    expect(stdout).toContain('inet 10.0.0.228/32 brd 10.0.0.228 scope global kube-ipvs0');
    expect(stdout).toContain('TCP  127.0.0.1:41583 rr');
    expect(stdout).not.toContain('\u001b');
  },
);
