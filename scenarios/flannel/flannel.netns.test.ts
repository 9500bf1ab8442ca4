import { expect, it } from 'vitest';
import { play } from '../testing/play.ts';

it('flannel: route, bridge and VTEP of article 004, and the packet in a packet', () => {
  const { status, stdout, stderr } = play('flannel');
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).not.toContain('✗');
  expect(stdout).toContain('✓ outside: from node to node, UDP to port 8472');
  expect(stdout).toContain('✓ inside: from VTEP to VTEP');
  expect(stdout).toMatch(/\nAll \d+ checks held, in [\d.]+ s\.\n$/);
});
