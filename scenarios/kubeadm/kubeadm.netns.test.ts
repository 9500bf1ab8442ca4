import { expect, it } from 'vitest';
import { play } from '../testing/play.ts';

it('kubeadm: init, a join that get nodes -w sees, the Deployment of article 000, reset', () => {
  const { status, stdout, stderr } = play('kubeadm');
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).not.toContain('✗');
  expect(stdout).toContain('✓ its request for a certificate was made with the token, approved and signed');
  expect(stdout).toContain('✓ three pods run, all on v1');
  expect(stdout).toMatch(/\nAll \d+ checks held, in [\d.]+ s\.\n$/);
});
