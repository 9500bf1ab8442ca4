import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { explainDisk, makeFolder, removeAtExit } from './files.ts';

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
