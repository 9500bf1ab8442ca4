import { expect, test } from 'vitest';
import { explainSandboxFailure } from './sandbox-limits.ts';

const failure = (stderr: string) => ({ exitCode: 1, stderr, message: `unshare: ${stderr}` });
const machine = (values: Record<string, string>) => (name: string) => values[name];

test("Ubuntu's AppArmor restriction is explained with its sysctl", () => {
  const said = failure('unshare: write failed /proc/self/uid_map: Operation not permitted');
  const sysctl = machine({ 'kernel.apparmor_restrict_unprivileged_userns': '1' });
  expect(explainSandboxFailure(said, sysctl, false)).toEqual({
    detail:
      'AppArmor keeps ordinary users from user namespaces (Ubuntu does so since 23.10) (kernel.apparmor_restrict_unprivileged_userns = 1)',
    fix: 'run: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  });
  expect(explainSandboxFailure(said, sysctl, true).fix).toContain('docker run --privileged');
});

test.each([
  [
    { 'kernel.unprivileged_userns_clone': '0' },
    false,
    'run: sudo sysctl -w kernel.unprivileged_userns_clone=1',
  ],
  [{ 'user.max_user_namespaces': '0' }, true, 'run: sysctl -w user.max_user_namespaces=15000'],
  [{ 'user.max_net_namespaces': '0' }, false, 'run: sudo sysctl -w user.max_net_namespaces=15000'],
])('a sysctl that forbids is named: %o', (values, isRoot, fix) => {
  const sysctl = machine(values);
  expect(explainSandboxFailure(failure('unshare: unshare failed'), sysctl, isRoot).fix).toBe(fix);
});

test('a hidden part of /proc, a used-up quota and a missing command are told apart', () => {
  const explain = (stderr: string) => explainSandboxFailure(failure(stderr), machine({}), false).detail;
  expect(explain('unshare: mount /proc failed: Operation not permitted')).toMatch(/^proc cannot be mounted/);
  expect(explain('unshare: unshare failed: No space left on device')).toMatch(/^too many namespaces/);
  const missing = { exitCode: undefined, stderr: '', message: 'unshare: command not found' };
  expect(explainSandboxFailure(missing, machine({}), false).fix).toContain('util-linux');
});
