import { expect, test } from 'vitest';
import { describeMissing, featureNames, missingCommand, parseProbes } from './features.ts';

test('what a probe said belongs to its feature', () => {
  const said = featureNames.map((name) =>
    name === 'dummy' ? 'dummy no Error: Unknown device type.' : `${name} ok`,
  );
  expect(parseProbes(said.join('\n'))).toEqual({ dummy: 'Error: Unknown device type.' });
});

test('a probe without a result counts as missing', () => {
  expect(Object.keys(parseProbes(''))).toEqual(featureNames);
});

test('a missing feature is named, a missing command too', () => {
  expect(describeMissing('vxlan', 'Error: Unknown device type.')).toMatch(
    /^this kernel has no vxlan \(Error: Unknown device type\.\); (run: |kernel )/,
  );
  expect(describeMissing('ip_set', 'sh: 12: ipset: not found')).toBe(
    'ip_set needs the command ipset, which is missing; run `v9s doctor`',
  );
  expect(missingCommand('bash: line 3: iptables-restore: command not found')).toBe('iptables-restore');
  expect(missingCommand('Error: Unknown device type.')).toBeUndefined();
});
