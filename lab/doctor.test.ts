import { expect, test } from 'vitest';
import { findCommand, installLine, requireTool } from './doctor.ts';

test('the install line is for the package manager that is there', () => {
  const packages = { apt: 'dnsutils', dnf: 'bind-utils', apk: 'bind-tools' };
  const on = (manager: string) => installLine(packages, (path) => path === manager).replace('sudo ', '');
  expect(on('/usr/bin/apt-get')).toBe('run: apt-get install -y dnsutils');
  expect(on('/usr/bin/dnf')).toBe('run: dnf install -y bind-utils');
  expect(on('/sbin/apk')).toBe('run: apk add bind-tools');
  expect(on('/usr/bin/zypper')).toBe('run: zypper install -y dnsutils');
  expect(on('/none')).toBe('install the package dnsutils');
});

test('commands are found in PATH', () => {
  expect(findCommand('sh')).toMatch(/\/sh$/);
  expect(findCommand('no-such-command-here')).toBeUndefined();
});

test('a missing command is named with who wants it', () => {
  expect(() => requireTool('no-such-command-here', 'egress')).toThrow(
    'egress needs the command no-such-command-here, which is missing; ',
  );
  expect(() => requireTool('sh', 'egress')).not.toThrow();
});
