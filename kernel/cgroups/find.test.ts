import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findCgroup } from './find.ts';

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'v9s-cgroup-'));
});
afterEach(() => rmSync(top, { recursive: true }));

/** Folders that look like groups. */
function group(path: string, files: Record<string, string> = {}): string {
  const folder = join(top, path);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries({ 'cgroup.procs': '', ...files }))
    writeFileSync(join(folder, name), text);
  return folder;
}

const mount = (path: string, type: string, options: string, root = '/') =>
  `30 23 0:26 ${root} ${join(top, path)} rw,nosuid shared:9 - ${type} ${type} rw,${options}\n`;

const all = {
  'cgroup.controllers': 'cpuset cpu io memory pids\n',
  'cgroup.subtree_control': 'cpu memory pids\n',
};

it('version 1 has a hierarchy for each controller, in which a process keeps its place', () => {
  const memory = group('memory/some/where');
  const cpu = group('cpu,cpuacct');
  const view = {
    own: '4:memory:/some/where\n2:cpu,cpuacct:/\n8:pids:/\n1:name=systemd:/user.slice\n0::/\n',
    mounts: mount('memory', 'cgroup', 'memory') + mount('cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
    isRoot: true,
  };
  expect(findCgroup(view)).toEqual({ version: 1, folders: { memory, cpu } });
  expect(findCgroup({ ...view, isRoot: false })).toEqual({ missing: expect.stringContaining('as root') });
});

it('a hierarchy may be seen from below its root, as in a container', () => {
  const memory = group('memory');
  const view = {
    own: '4:memory:/docker/1\n',
    mounts: mount('memory', 'cgroup', 'memory', '/docker/1'),
    isRoot: true,
  };
  expect(findCgroup(view)).toEqual({ version: 1, folders: { memory } });
});

it('version 2 is divided at its top by root, and where it is delegated by others', () => {
  const folder = group('unified', all);
  const own = group('unified/user@1000.service/app.slice/it.scope', all);
  const view = {
    own: '0::/user@1000.service/app.slice/it.scope\n',
    mounts: mount('unified', 'cgroup2', ''),
    isRoot: true,
  };
  const at = (place: string) => ({ version: 2, folders: { memory: place, cpu: place, pids: place } });
  expect(findCgroup(view)).toEqual(at(folder));
  expect(findCgroup({ ...view, isRoot: false })).toEqual(at(own));
});

it('says what to do where version 2 is not delegated', () => {
  group('unified', { 'cgroup.controllers': 'memory pids\n', 'cgroup.subtree_control': '' });
  rmSync(join(top, 'unified/cgroup.procs'));
  const view = { own: '0::/\n', mounts: mount('unified', 'cgroup2', ''), isRoot: false };
  expect(findCgroup(view)).toEqual({
    missing:
      'cgroup / is not yours to divide; start the cluster with `systemd-run --user --scope -p Delegate=yes v9s up`',
  });
});

it('hybrid machines have version 2 without controllers beside version 1', () => {
  group('unified', { 'cgroup.controllers': '\n' });
  const pids = group('pids');
  const mounts = mount('unified', 'cgroup2', '') + mount('pids', 'cgroup', 'pids');
  expect(findCgroup({ own: '8:pids:/\n0::/\n', mounts, isRoot: true })).toEqual({
    version: 1,
    folders: { pids },
  });
  expect(readFileSync(join(top, 'unified/cgroup.controllers'), 'utf8')).toBe('\n');
});

it('without a mounted hierarchy nothing is found', () => {
  const view = { own: '0::/\n', mounts: '22 1 0:5 / /proc rw - proc proc rw\n', isRoot: true };
  expect(findCgroup(view)).toEqual({ missing: expect.stringContaining('mount cgroup2 at /sys/fs/cgroup') });
});
