import { expect, it } from 'vitest';
import { findCommand } from '../../lab/doctor.ts';
import { play } from '../testing/play.ts';

if (!findCommand('kubectl')) console.log('skipped: kubectl exec -it and kubectl logs need a kubectl');

it('pods: the listing of article 003, and a shell on a terminal', () => {
  const { status, stdout, stderr } = play('pods');
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).not.toContain('✗');
  expect(stdout).toMatch(/hello-1556011920-\w{5} +0\/1 +Completed/);
  expect(stdout).toMatch(/mypod5 +0\/1 +Error/);
  if (findCommand('kubectl')) expect(stdout).toContain('✓ Ctrl-C ended it, and not the shell');
  expect(stdout).toMatch(/\nAll \d+ checks held, in [\d.]+ s\.\n$/);
  // It waits for a full minute of the clock.
}, 150_000);
