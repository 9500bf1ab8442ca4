import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { queryFor } from '../../testing/ask.ts';
import { setUp } from '../../testing/plugin.ts';
import { emptyReply } from '../../wire/message.ts';
import { parseRecord } from '../../zonefile/zonefile.ts';
import { drawFirst } from './order.ts';
import { loadbalance } from './plugin.ts';
import { parseWeights } from './weights.ts';

/** The facts of upstream's plugin/loadbalance/*_test.go. */

const folder = mkdtempSync(join(tmpdir(), 'v9s-loadbalance-'));
afterAll(() => rmSync(folder, { recursive: true }));
const records = (texts: string[]) => texts.map((text) => parseRecord(text));
const replyOf = (answers: string[], rcode = 0) => ({ ...emptyReply(rcode), answers: records(answers) });
const types = ['CNAME b.', 'A 10.0.0.1', 'MX 1 a.', 'A 10.0.0.2', 'MX 2 b.', 'TXT x', 'AAAA ::1', 'CNAME c.'];

test('CNAMEs first, in their order; then what is neither address nor mail, addresses, mail', async () => {
  const handler = setUp(loadbalance, 'loadbalance').before(() => replyOf(types.map((data) => `a. ${data}`)));
  const { answers } = await handler(queryFor('a.'));
  const kinds = answers.map(({ type }) => type.replace('AAAA', 'A'));
  expect(kinds).toEqual(['CNAME', 'CNAME', 'TXT', 'A', 'A', 'A', 'MX', 'MX']);
  expect(answers.slice(0, 2).map(({ data }) => data)).toEqual(['b.', 'c.']);
});

test('every address is first at some time; the reply of who comes after is left as it was', async () => {
  const reply = replyOf(['a. A 10.0.0.1', 'a. A 10.0.0.2', 'a. A 10.0.0.3']);
  const before = structuredClone(reply);
  const handler = setUp(loadbalance, 'loadbalance round_robin').before(() => reply);
  const first = new Set<unknown>();
  for (let i = 0; i < 200; i++) first.add((await handler(queryFor('a.'))).answers[0]?.data);
  expect(first.size).toBe(3); // one missing: (2/3)^200
  expect(reply).toEqual(before);
});

test('denials and transfers keep their order', async () => {
  const answers = Array.from({ length: 50 }, (_, i) => `a. A 10.0.0.${i}`);
  for (const reply of [replyOf(answers, 3), { ...replyOf(answers), transfer: true as const }]) {
    const handler = setUp(loadbalance, 'loadbalance').before(() => reply);
    expect(await handler(queryFor('a.'))).toBe(reply);
  }
});

describe('prefer', () => {
  test.each([
    ['10.20.0.0/16', ['10.20.0.1', '10.9.0.1', '2001:db8::1']],
    ['2001:db8::/32 10.20.0.0/16', ['2001:db8::1', '10.20.0.1', '10.9.0.1']],
  ])('%s', async (nets, expected) => {
    const handler = setUp(loadbalance, `loadbalance {\n prefer ${nets}\n }`).before(() =>
      replyOf(['a. A 10.9.0.1', 'a. AAAA 2001:db8::1', 'a. A 10.20.0.1']),
    );
    const { answers } = await handler(queryFor('a.'));
    const wanted = nets.split(' ').length;
    expect(answers.slice(0, wanted).map(({ data }) => data)).toEqual(expected.slice(0, wanted));
    expect(answers).toHaveLength(3);
  });
});

describe('weighted', () => {
  const text =
    '# comment\n\nw1.example.org\n192.168.1.15 10\n192.168.1.14 20\n\nw2.example.org.\n2001:db8::1 7\n';
  test('a weight file', () => {
    const weights = parseWeights(text, 'weights');
    expect(weights('W1.example.org.', '192.168.1.14')).toBe(20);
    expect(weights('w2.example.org.', '2001:DB8:0::1')).toBe(7);
    expect(weights('w2.example.org.', '192.168.1.14')).toBe(1);
  });

  test.each([
    ['10.0.0.1', 'weights:1 - wrong domain name: 10.0.0.1 (maybe a missing weight value?)'],
    ['10.0.0.1 1', 'weights:1 - missing domain name'],
    ['a\n10.0.0 1', 'weights:2 - wrong IP address: 10.0.0'],
    ['a\n10.0.0.1 0', 'weights:2 - wrong weight value: 0'],
    ['a\n10.0.0.1 256', 'weights:2 - wrong weight value: 256'],
    ['a\n10.0.0.1 1 1', 'weights:2 - could not parse weight line: 10.0.0.1 1 1'],
  ])('%j is an error with its line', (bad, message) => {
    expect(() => parseWeights(bad, 'weights')).toThrow(message);
  });

  test('the first address is drawn by its weight', () => {
    const weights = parseWeights(text, 'weights');
    const answers = records(['w1.example.org. A 192.168.1.15', 'w1.example.org. A 192.168.1.14']);
    const first = (random: number) => drawFirst(answers, weights, () => random)[0]?.data;
    expect([0, 9.9 / 30, 10 / 30, 0.999].map(first)).toEqual([
      '192.168.1.15',
      '192.168.1.15',
      '192.168.1.14',
      '192.168.1.14',
    ]);
  });

  test('the file is read when the server starts, and again when it changes', async () => {
    const file = join(folder, 'weights');
    writeFileSync(file, 'a\n10.0.0.1 255\n');
    const around = setUp(loadbalance, `loadbalance weighted ${file} {\n reload 10ms\n }`);
    await around.start();
    writeFileSync(file, 'a\nnonsense 1\n');
    await expect.poll(() => around.surroundings.lines.at(-1)).toContain('wrong IP address: nonsense');
    await around.stop();
  });

  test('a file that is missing is an error, unless it is looked for again', async () => {
    await expect(
      setUp(loadbalance, 'loadbalance weighted /nonexistent {\n reload 0\n }').start(),
    ).rejects.toThrow('ENOENT');
    const around = setUp(loadbalance, 'loadbalance weighted /nonexistent');
    await around.start();
    expect(around.surroundings.lines.join()).toContain('Failed to open weight file');
    await around.stop();
  });
});

test.each([
  ['loadbalance fleeb', 'unknown policy: fleeb'],
  ['loadbalance round_robin a', 'unknown property for round_robin'],
  ['loadbalance weighted', 'missing weight file argument'],
  ['loadbalance weighted a b', 'unexpected argument(s)'],
  ['loadbalance weighted a {\n susu\n }', "unknown property 'susu'"],
  ['loadbalance weighted a {\n reload\n }', 'Wrong argument count'],
  ['loadbalance weighted a {\n reload b c\n }', 'Wrong argument count'],
  ['loadbalance weighted a {\n reload xyz\n }', "invalid reload duration 'xyz'"],
  ['loadbalance {\n prefer 10.0.0.0/33\n }', 'invalid CIDR "10.0.0.0/33"'],
  ['loadbalance {\n nonsense\n }', "unknown property 'nonsense'"],
])('%s is an error', (directive, message) => {
  expect(() => setUp(loadbalance, directive)).toThrow(message);
});
