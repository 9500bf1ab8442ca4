import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'v9s-compiled-'));
const bundle = join(folder, 'program.main.cjs');
const cache = join(folder, 'cache');
afterAll(() => rmSync(folder, { recursive: true }));

const runner = new URL('compiled.cjs', import.meta.url).pathname;

function run(): string {
  const script = `require(${JSON.stringify(runner)}).run(${JSON.stringify(bundle)}, module); console.log(module.exports.answer())`;
  return execFileSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  }).trim();
}

/** The code that was kept. */
function kept(): Buffer {
  const [name = ''] = readdirSync(cache).filter((one) => one.startsWith('program.main.cjs-'));
  return readFileSync(join(cache, name));
}

it('runs a bundle with the code of an earlier run, if it is of the same source and whole', () => {
  const source = (word: string) => `exports.answer = () => require('node:path').basename('${word}');`;
  writeFileSync(bundle, source('one'));
  expect(run()).toBe('one');
  const first = kept();
  expect(run()).toBe('one');
  expect(kept()).toEqual(first);

  // Of the same length, which is all that V8 looks at.
  writeFileSync(bundle, source('two'));
  expect(run()).toBe('two');
  const second = kept();
  expect(second).not.toEqual(first);

  const [name = ''] = readdirSync(cache).filter((one) => one.startsWith('program.main.cjs-'));
  const damaged = Buffer.from(second);
  damaged.fill(0xff, damaged.length >> 1, (damaged.length >> 1) + 64);
  writeFileSync(join(cache, name), damaged);
  expect(run()).toBe('two');
  expect(kept()).not.toEqual(damaged);
  writeFileSync(join(cache, name), '');
  expect(run()).toBe('two');
});
