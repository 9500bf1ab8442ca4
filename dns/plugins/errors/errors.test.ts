import { describe, expect, test } from 'vitest';
import { queryFor } from '../../testing/ask.ts';
import { setUp } from '../../testing/plugin.ts';
import { emptyReply } from '../../wire/message.ts';
import { errors } from './plugin.ts';

/** The facts of upstream's plugin/errors/*_test.go. */

/** Lets the chain fail with each text, and gives the lines of the log after the plugin has ended. */
async function linesOf(options: string, texts: string[]): Promise<string[]> {
  const around = setUp(errors, `errors {\n ${options}\n }`);
  for (const text of texts) {
    const handler = around.before(() => {
      if (text === '') return emptyReply(0);
      throw new Error(text);
    });
    try {
      await handler(queryFor('Example.org.'));
    } catch (error) {
      expect(error).toEqual(new Error(text));
    }
  }
  await around.stop();
  return around.surroundings.lines;
}

test('each error is a line, a reply is none', async () => {
  expect(await linesOf('stacktrace', ['', 'test error'])).toEqual([
    '[ERROR] plugin/errors: 2 example.org. A: test error',
  ]);
});

test('errors of a kind are counted', async () => {
  const texts = ['failed 1', 'failed 2', 'other', 'failed 3'];
  const other = '[ERROR] plugin/errors: 2 example.org. A: other';
  expect(await linesOf('consolidate 1m ^failed', texts)).toEqual([
    other,
    "[ERROR] plugin/errors: 3 errors like '^failed' occurred in last 1m0s",
  ]);
  expect(await linesOf('consolidate 2s ^failed warning', texts)).toContain(
    "[WARNING] plugin/errors: 3 errors like '^failed' occurred in last 2s",
  );
  expect(await linesOf('consolidate 2s ^failed debug', texts)).toEqual([other]);
  expect(await linesOf('consolidate 1m ^failed info show_first', texts)).toEqual([
    '[INFO] plugin/errors: 2 example.org. A: failed 1',
    other,
    "[INFO] plugin/errors: 3 errors like '^failed' occurred in last 1m0s",
  ]);
  expect(await linesOf('consolidate 1m ^failed show_first', ['failed 1'])).toHaveLength(1);
  expect(await linesOf('consolidate 1m 1$\n consolidate 1m ^failed', texts)).toEqual([
    other,
    "[ERROR] plugin/errors: 1 errors like '1$' occurred in last 1m0s",
    "[ERROR] plugin/errors: 2 errors like '^failed' occurred in last 1m0s",
  ]);
});

test('the count is written when its time is over', async () => {
  const around = setUp(errors, 'errors {\n consolidate 10ms .*\n }');
  const handler = around.before(() => {
    throw new Error('failed');
  });
  expect(() => handler(queryFor('a.'))).toThrow('failed');
  await expect.poll(() => around.surroundings.lines.length).toBe(1);
  await around.stop();
  expect(around.surroundings.lines).toHaveLength(1);
});

describe('directives', () => {
  test.each([
    'errors errors.txt',
    'errors visible',
    'errors {\n log visible\n }',
    'errors\n errors',
    'errors a b',
    'errors {\n consolidate\n }',
    'errors {\n consolidate 1m\n }',
    'errors {\n consolidate 1m .* extra\n }',
    'errors {\n consolidate abc .*\n }',
    'errors {\n consolidate 1 .*\n }',
    'errors {\n consolidate 1m ())\n }',
    'errors {\n consolidate 1m error warning error\n }',
    'errors {\n consolidate 1m error info debug\n }',
    'errors {\n consolidate 1m error show_first warning\n }',
    `errors {\n consolidate 1m ${'a'.repeat(10_001)}\n }`,
  ])('%s is an error', (directive) => {
    expect(() => setUp(errors, directive)).toThrow(/^plugin\/errors: Corefile:[23] - Error during parsing: /);
  });

  test.each([
    'errors',
    'errors stdout',
    'errors {\n stacktrace\n consolidate 1m "format error" warning show_first\n }',
  ])('%s', (directive) => {
    setUp(errors, directive);
  });
});
