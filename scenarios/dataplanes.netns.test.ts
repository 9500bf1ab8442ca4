import { expect, it } from 'vitest';
import { play, withoutIpvs } from './testing/play.ts';

it.skipIf(await withoutIpvs())(
  'v9s scenario dataplanes goes through every mode without failing a request, here or in a guest too',
  { timeout: 900_000 },
  () => {
    const { status, stdout, stderr } = play('dataplanes');
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/\nAll \d+ checks held, in [\d.]+ s\.\n$/);
    for (const mode of ['iptables', 'ipvs', 'nftables', 'nftables, layout flat'])
      expect(stdout).toMatch(new RegExp(`^ *\\d+ To ${mode}$`, 'm'));
    expect(stdout).toMatch(/none of \d+ requests failed on the way iptables/);
  },
);
