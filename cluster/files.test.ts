import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { explainDisk, makeFolder, removeAtExit, temporaryFolder } from './files.ts';

let home = '';

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'files-'));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

it('makes a folder with all above it, for its owner alone', () => {
  const folder = join(home, 'a/b/c');
  makeFolder(folder);
  makeFolder(folder);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

it('ends where a file system takes no folders, and says so', () => {
  const attempt = () => {
    try {
      makeFolder('/proc/v9s/cluster');
    } catch (error) {
      throw explainDisk(error, '/proc/v9s/cluster');
    }
  };
  expect(attempt).toThrow(
    "/proc/v9s/cluster cannot hold the cluster's files: the file system takes no folders there",
  );
});

it('leaves other errors as they are', () => {
  const error = new Error('no route');
  expect(explainDisk(error, home)).toBe(error);
});

it('removes a folder once, and forgets it', () => {
  const before = process.listenerCount('exit');
  const remove = removeAtExit(home);
  expect(process.listenerCount('exit')).toBe(before + 1);
  remove();
  expect(existsSync(home)).toBe(false);
  expect(process.listenerCount('exit')).toBe(before);
});

it('sweeps what a killed owner left, and only that', async () => {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = home;
  try {
    const spec = (name: string, age: number) => {
      mkdirSync(join(home, name));
      writeFileSync(join(home, name, 'cluster.json'), '{}');
      const time = new Date(Date.now() - age);
      utimesSync(join(home, name, 'cluster.json'), time, time);
    };
    spec('v9s-old-abc123', 3_600_000);
    spec('v9s-new-abc123', 0);
    mkdirSync(join(home, 'v9s-other'));
    writeFileSync(join(home, 'v9s-file'), '');
    const made = await temporaryFolder('mine');
    expect(made.startsWith(join(home, 'v9s-mine-'))).toBe(true);
    const left = ['v9s-old-abc123', 'v9s-new-abc123', 'v9s-other', 'v9s-file'].map((name) =>
      existsSync(join(home, name)),
    );
    expect(left).toEqual([false, true, true, true]);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});
