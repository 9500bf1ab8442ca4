import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { until } from './until.ts';

async function passed(...chunks: string[]): Promise<{ text: string; marks: number }> {
  let marks = 0;
  const source = new PassThrough();
  const result = text(source.pipe(until('\0end\n', () => marks++)));
  for (const chunk of chunks) source.write(chunk);
  source.end();
  return { text: await result, marks };
}

test('what stands before the marker passes, however it is cut', async () => {
  expect(await passed('one\0end\ntwo')).toEqual({ text: 'one', marks: 1 });
  expect(await passed('on', 'e\0', 'en', 'd\n', 'two')).toEqual({ text: 'one', marks: 1 });
  expect(await passed('\0end\n')).toEqual({ text: '', marks: 1 });
});

test('what only looks like its beginning passes too', async () => {
  expect(await passed('a\0e', 'nx', '\0\0end\n')).toEqual({ text: 'a\0enx\0', marks: 1 });
  expect(await passed('a', '\0en')).toEqual({ text: 'a\0en', marks: 0 });
});

test('what is complete does not wait', async () => {
  const source = new PassThrough();
  const end = source.pipe(until('\0end\n', () => undefined));
  source.write('prompt> ');
  const [first] = await Promise.all([new Promise((resolve) => end.once('data', resolve))]);
  expect(String(first)).toBe('prompt> ');
});
