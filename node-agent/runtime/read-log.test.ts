import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LogOptions, logTime } from './log-options.ts';
import { type LogPlace, readLog } from './read-log.ts';

let folder: string;
let place: LogPlace;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-log-'));
  place = { file: join(folder, '0.log'), dir: join(folder, '0') };
  mkdirSync(place.dir);
  writeFileSync(place.file, '');
});
afterEach(() => rmSync(folder, { recursive: true }));

const time = (second: number) => `2026-01-02T03:04:${String(second).padStart(2, '0')}.123456789Z`;
const write = (...lines: string[]) => appendFileSync(place.file, lines.map((line) => `${line}\n`).join(''));
const exit = () => writeFileSync(join(place.dir, 'exit'), `0 0 ${time(59)}\n`);

async function read(options: Partial<LogOptions> = {}): Promise<string> {
  const chunks: Buffer[] = [];
  const all = { follow: false, timestamps: false, ...options };
  for await (const chunk of readLog(place, all, new AbortController().signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

describe('readLog', () => {
  it('gives lines as they were written, parts put together', async () => {
    write(
      `${time(1)} stdout F one`,
      `${time(2)} stderr P tw`,
      `${time(2)} stderr F o`,
      `${time(3)} stdout F `,
    );
    expect(await read()).toBe('one\ntwo\n\n');
    expect(await read({ timestamps: true })).toBe(`${time(1)} one\n${time(2)} tw${time(2)} o\n${time(3)} \n`);
  });

  it('leaves out what is older, and what is more than wanted', async () => {
    write(...[1, 2, 3, 4].map((second) => `${time(second)} stdout F line ${second}`));
    const since = logTime(Date.parse('2026-01-02T03:04:03Z'));
    expect(await read({ since })).toBe('line 3\nline 4\n');
    expect(await read({ limitBytes: 10 })).toBe('line 1\nlin');
    expect(await read({ limitBytes: 5, timestamps: true })).toBe('2026-');
    expect(await read({ tailLines: 2, limitBytes: 8 })).toBe('line 3\nl');
  });

  it.each([0, 1, 3_000, 10_000, 20_000])('finds the last %i lines of a long log', async (tailLines) => {
    const lines = Array.from({ length: 10_000 }, (_, index) => `number ${index}`);
    write(...lines.map((line) => `${time(1)} stdout F ${line}`));
    const wanted = tailLines === 0 ? [] : lines.slice(-tailLines);
    expect(await read({ tailLines })).toBe(wanted.map((line) => `${line}\n`).join(''));
  });

  it('leaves out a line that is being written', async () => {
    write(`${time(1)} stdout F whole`);
    appendFileSync(place.file, `${time(2)} stdout F ha`);
    expect(await read()).toBe('whole\n');
  });

  it('is nothing where nothing was written', async () => {
    rmSync(place.file);
    expect(await read({ tailLines: 5 })).toBe('');
  });
});

describe('readLog, following', () => {
  it('goes on over a new file, and ends with the container', async () => {
    write(`${time(1)} stdout F one`);
    const { signal } = new AbortController();
    const log = readLog(place, { follow: true, timestamps: false, tailLines: 1 }, signal);
    const next = async () => String((await log.next()).value);
    expect(await next()).toBe('one\n');
    const two = next();
    write(`${time(2)} stdout F two`);
    expect(await two).toBe('two\n');
    const three = next();
    renameSync(place.file, `${place.file}.20260102-030403`);
    write(`${time(3)} stdout F three`);
    expect(await three).toBe('three\n');
    const four = next();
    write(`${time(4)} stdout F four`);
    exit();
    expect(await four).toBe('four\n');
    expect(await log.next()).toEqual({ done: true, value: undefined });
  });

  it('ends when nobody reads any more', async () => {
    const reader = new AbortController();
    const log = readLog(place, { follow: true, timestamps: false }, reader.signal);
    const next = log.next();
    reader.abort();
    expect((await next).done).toBe(true);
  });
});
