import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeVolume } from './atomic-writer.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'volume-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const files = (content: Record<string, string>) =>
  new Map(Object.entries(content).map(([path, text]) => [path, { content: Buffer.from(text), mode: 0o644 }]));
const read = (path: string) => readFileSync(join(folder, path), 'utf8');
const visible = () => readdirSync(folder).filter((name) => !name.startsWith('..'));

describe('writeVolume', () => {
  it('shows files through one link that can be switched', () => {
    expect(writeVolume(folder, files({ a: '1', 'sub/b': '2' }))).toBe(true);
    expect(read('a')).toBe('1');
    expect(read('sub/b')).toBe('2');
    expect(readlinkSync(join(folder, 'a'))).toBe('..data/a');
  });

  it('does nothing when nothing has changed', () => {
    writeVolume(folder, files({ a: '1' }));
    const before = readlinkSync(join(folder, '..data'));
    expect(writeVolume(folder, files({ a: '1' }))).toBe(false);
    expect(readlinkSync(join(folder, '..data'))).toBe(before);
  });

  it('changes, adds and removes in one step and leaves no old folder', () => {
    writeVolume(folder, files({ a: '1', gone: 'x' }));
    expect(writeVolume(folder, files({ a: '2', fresh: '3' }))).toBe(true);
    expect(visible().sort()).toEqual(['a', 'fresh']);
    expect(read('a')).toBe('2');
    expect(readdirSync(folder).filter((name) => name.startsWith('..2'))).toHaveLength(1);
  });
});
