import { expect, it } from 'vitest';
import { play } from '../testing/play.ts';

it('coredns: the manifest of article 003 as it stands, names, and an edit that comes into force', () => {
  const { status, stdout, stderr } = play('coredns');
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).not.toContain('✗');
  expect(stdout).toContain('clusterrolebinding.rbac.authorization.k8s.io/system:coredns created');
  expect(stdout).toContain('403 apis/discovery.k8s.io/v1/endpointslices');
  expect(stdout).toContain('PING nginx-service.default.svc.cluster.local (10.0.0.228) 56(84) bytes of data.');
  expect(stdout).toContain('✓ the new line is in force');
  expect(stdout).toMatch(/\nAll \d+ checks held, in [\d.]+ s\.\n$/);
  // On a machine that is busy.
}, 120_000);
