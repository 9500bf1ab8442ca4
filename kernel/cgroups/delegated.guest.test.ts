import { spawnSync } from 'node:child_process';
import { chownSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CgroupAccess } from './find.ts';
import { makeGroup, removeGroup } from './groups.ts';

// Root of a machine with version 2 hands a group to an ordinary user, as systemd does.
const top = '/sys/fs/cgroup/delegated';
const user = 65_534;

beforeEach(() => {
  makeGroup(top);
  for (const name of ['', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads'])
    chownSync(join(top, name), user, user);
});
afterEach(() => removeGroup(top));

/** What an ordinary user's process in the group says that starts a lab, and where it is then. */
function start(first: string): { access: CgroupAccess; enter: string[]; own: string } {
  const script = `
    const { makeLabGroup } = await import(${JSON.stringify(join(import.meta.dirname, 'lab.ts'))});
    const { readFileSync } = await import('node:fs');
    process.setgroups([]); process.setgid(${user}); process.setuid(${user});
    const made = await makeLabGroup('mine', '/state');
    console.log(JSON.stringify({ ...made, own: readFileSync('/proc/self/cgroup', 'utf8') }));`;
  const entered = `echo $$ > ${top}/cgroup.procs; ${first} "$@"; true`;
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', entered, 'sh', process.execPath, '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout);
}

it('a lab divides what its user was given, and makes room for that', () => {
  const { access, enter, own } = start('');
  const group = join(top, 'v9s-mine-7ac1387d');
  expect(access).toEqual({ version: 2, folders: { memory: group, cpu: group, pids: group } });
  expect(enter).toEqual([join(group, 'lab/cgroup.procs')]);
  expect(own).toBe('0::/delegated/v9s-callers\n');
  expect(readFileSync(join(group, 'cgroup.subtree_control'), 'utf8')).toBe('cpu memory pids\n');
});

it('the next one from there divides the same group', () => {
  makeGroup(join(top, 'v9s-callers'));
  for (const name of ['', 'cgroup.procs']) chownSync(join(top, 'v9s-callers', name), user, user);
  const { access, own } = start(`echo $$ > ${top}/v9s-callers/cgroup.procs;`);
  const group = join(top, 'v9s-mine-7ac1387d');
  expect(access).toEqual({ version: 2, folders: { memory: group, cpu: group, pids: group } });
  expect(own).toBe('0::/delegated/v9s-callers\n');
});

it('a group with processes of others is left as it is, and what helps is said', () => {
  const other = spawnSync(
    'sh',
    ['-c', `setsid sh -c 'echo $$ > ${top}/cgroup.procs; exec sleep 60' >/dev/null 2>&1 & echo $!`],
    {
      encoding: 'utf8',
    },
  );
  expect(other.stdout).toMatch(/^\d+\n$/);
  const { access } = start(`until [ $(wc -l < ${top}/cgroup.procs) -gt 2 ]; do :; done;`);
  expect(access).toEqual({ missing: expect.stringContaining('systemd-run --user --scope -p Delegate=yes') });
});
