import { expect, it } from 'vitest';
import { play } from '../testing/play.ts';

it('subdomain: the DNS part of article 001, with pods that come and go', () => {
  const { status, stdout, stderr } = play('subdomain');
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).not.toContain('✗');
  expect(stdout).toContain('nslookup busybox-1.default-subdomain.default.svc.cluster.local');
  expect(stdout).toContain('✓ and its name does not exist any more');
  expect(stdout).toContain('✓ 3 addresses');
  expect(stdout).toMatch(/\nAll \d+ checks held, in [\d.]+ s\.\n$/);
  // On a machine that is busy.
}, 120_000);
