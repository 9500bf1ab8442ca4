import { expect, test } from 'vitest';
import { openSession, SessionEnd } from './session.ts';

/** Answers each line, and ends with 3 on `stop`. */
const answering = [
  '-c',
  'while read line; do [ "$line" = stop ] && echo no >&2 && exit 3; echo "got $line"; done',
];

test('one program answers one text after the other', async () => {
  const session = openSession('sh', answering);
  expect(await session.send('a\nb\n', 'got b\n')).toBe('got a\ngot b\n');
  expect(await session.send('c\n', /got .\n/)).toBe('got c\n');
  session.close();
});

test('its end is told with what it said, and seen afterwards', async () => {
  const session = openSession('sh', answering);
  await session.send('a\n', 'got a\n');
  expect(session.ended()).toBe(false);
  await expect(session.send('stop\n', 'never')).rejects.toMatchObject({ exitCode: 3, stderr: 'no\n' });
  expect(session.ended()).toBe(true);
  await expect(session.send('b\n', 'got b\n')).rejects.toThrow(SessionEnd);
});

test('a program that is killed has no exit code, one that is missing has 127', async () => {
  const session = openSession('sh', answering);
  await session.send('a\n', 'got a\n');
  const answer = session.send('sleep\n', 'never');
  session.kill();
  await expect(answer).rejects.toMatchObject({ exitCode: undefined });
  await expect(openSession('/nonexistent', []).send('a\n', 'got a\n')).rejects.toMatchObject({
    exitCode: 127,
  });
});
