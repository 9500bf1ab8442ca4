import { describe, expect, test } from 'vitest';
import { createDispenser } from '../../corefile/dispenser.ts';
import { tokenize } from '../../corefile/lexer.ts';
import type { Handler } from '../../plugin.ts';
import { ask, queryFor } from '../../testing/ask.ts';
import { addressReply } from '../../testing/upstream.ts';
import { emptyReply, type Query, Rcode, type Reply } from '../../wire/message.ts';
import { createHandler } from './handler.ts';
import { parseOptions } from './options.ts';
import { createStore } from './store.ts';

/** A cache in front of `answer`, with a clock that stands still until it is moved. */
function cacheOf(directive: string, answer: (query: Query, count: number) => Reply | Promise<Reply>) {
  const options = parseOptions(createDispenser('cache', tokenize(directive, 'Corefile')), ['.']);
  const clock = { now: 1_000 };
  let asked = 0;
  const store = createStore(options, () => clock.now);
  const next: Handler = (query) => answer(query, ++asked);
  return { handler: createHandler(options, store, next, () => clock.now), clock, asked: () => asked, store };
}

const denial = (ttl = 30): Reply => ({
  ...emptyReply(Rcode.NXDOMAIN),
  authorities: [
    {
      name: 'org.',
      ttl,
      type: 'SOA',
      data: { mname: 'ns.org.', rname: 'h.org.', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 20 },
    },
  ],
});

test('a reply is kept for its TTL, which counts down', async () => {
  const { handler, clock, asked } = cacheOf('cache', (query) => addressReply(query, '192.0.2.1', 60));
  expect((await ask(handler, 'example.org.')).answer).toEqual(['example.org. 60 IN A 192.0.2.1']);
  clock.now += 15_500;
  expect((await ask(handler, 'eXample.ORG.')).answer).toEqual(['eXample.ORG. 44 IN A 192.0.2.1']);
  expect(asked()).toBe(1);
  clock.now += 45_000;
  await ask(handler, 'example.org.');
  expect(asked()).toBe(2);
});

test('the TTL is kept within limits, the first time too', async () => {
  expect((await ask(cacheOf('cache 30', (q) => addressReply(q)).handler, 'a.')).answer).toEqual([
    'a. 30 IN A 192.0.2.1',
  ]);
  const least = cacheOf('cache {\n success 100 60 20\n}', (q) => addressReply(q, '192.0.2.1', 1));
  expect((await ask(least.handler, 'a.')).answer).toEqual(['a. 20 IN A 192.0.2.1']);
});

test("a denial is kept for the least of the SOA record's TTL and minimum", async () => {
  const { handler, clock, asked } = cacheOf('cache', () => denial());
  await ask(handler, 'nobody.org.');
  clock.now += 19_999;
  expect((await ask(handler, 'nobody.org.')).rcode).toBe('NXDOMAIN');
  expect(asked()).toBe(1);
  clock.now += 1;
  await ask(handler, 'nobody.org.');
  expect(asked()).toBe(2);
});

test('types, DO and CD are questions of their own', async () => {
  const { handler, asked } = cacheOf('cache', (query) => addressReply(query));
  const edns = { version: 0, udpSize: 1232, dnssecOk: true, options: [] };
  await ask(handler, 'a.');
  await ask(handler, 'a.', 'AAAA');
  await ask(handler, 'a.', 'A', { edns });
  await ask(handler, 'a.', 'A', { checkingDisabled: true });
  expect(asked()).toBe(4);
  await ask(handler, 'a.', 'A', { edns });
  expect(asked()).toBe(4);
});

test('what must not be kept is asked for again', async () => {
  const replies: ((query: Query) => Reply)[] = [
    (query) => ({ ...addressReply(query), truncated: true }),
    () => emptyReply(Rcode.REFUSED),
    () => emptyReply(Rcode.NXDOMAIN), // a denial without SOA
    (query) => ({ ...emptyReply(0), answers: [{ name: query.name, ttl: 5, type: 'CNAME', data: 'x.' }] }),
  ];
  for (const reply of replies) {
    const { handler, asked } = cacheOf('cache', reply);
    await ask(handler, 'a.');
    await ask(handler, 'a.');
    expect(asked()).toBe(2);
  }
});

test('a failure is kept for five seconds and hides no answer', async () => {
  const { handler, clock, asked } = cacheOf('cache', (query, count) =>
    count === 2 ? emptyReply(Rcode.SERVFAIL) : addressReply(query, '192.0.2.1', 10),
  );
  await ask(handler, 'a.');
  clock.now += 10_000;
  expect((await ask(handler, 'a.')).rcode).toBe('SERVFAIL');
  clock.now += 4_999;
  expect((await ask(handler, 'a.')).rcode).toBe('SERVFAIL');
  clock.now += 1;
  expect((await ask(handler, 'a.')).rcode).toBe('NOERROR');
  expect(asked()).toBe(3);
});

test('disable, and zones that are not cached', async () => {
  const disabled = cacheOf('cache {\n disable success cluster.local\n disable denial\n}', (query) =>
    query.lower.startsWith('no') ? denial() : addressReply(query),
  );
  for (const name of ['a.cluster.local.', 'a.cluster.local.', 'no.org.', 'no.org.', 'a.org.', 'a.org.'])
    await ask(disabled.handler, name);
  expect(disabled.asked()).toBe(5);
  const zone = cacheOf('cache 30 example.org', (query) => addressReply(query));
  for (const name of ['a.example.org.', 'a.example.org.', 'a.test.', 'a.test.'])
    await ask(zone.handler, name);
  expect(zone.asked()).toBe(3);
});

test('capacity: the oldest goes', async () => {
  const { handler, store } = cacheOf('cache {\n success 10\n}', (query) => addressReply(query));
  for (let i = 0; i < 50; i++) await ask(handler, `${i}.`);
  expect(store.size).toEqual({ success: 10, denial: 0 });
});

test('serve_stale answers with TTL 0 at once and asks behind the scenes', async () => {
  const { handler, clock, asked } = cacheOf('cache {\n serve_stale 1m\n}', (query, count) =>
    addressReply(query, `192.0.2.${count}`, 10),
  );
  await ask(handler, 'a.');
  clock.now += 11_000;
  expect((await ask(handler, 'a.')).answer).toEqual(['a. 0 IN A 192.0.2.1']);
  await expect.poll(asked).toBe(2);
  expect((await ask(handler, 'a.')).answer).toEqual(['a. 10 IN A 192.0.2.2']);
});

test('serve_stale verify asks first, and falls back when nobody answers', async () => {
  const { handler, clock } = cacheOf('cache {\n serve_stale 1m verify\n}', (query, count) => {
    if (count === 2) throw new Error('no answer');
    return addressReply(query, `192.0.2.${count}`, 10);
  });
  await ask(handler, 'a.');
  clock.now += 11_000;
  expect((await ask(handler, 'a.')).answer).toEqual(['a. 0 IN A 192.0.2.1']);
  expect((await ask(handler, 'a.')).answer).toEqual(['a. 10 IN A 192.0.2.3']);
});

test('prefetch asks again for what is popular, shortly before it expires', async () => {
  const { handler, clock, asked } = cacheOf('cache {\n prefetch 2 1m 20%\n}', (query) =>
    addressReply(query, '192.0.2.1', 100),
  );
  await ask(handler, 'a.');
  clock.now += 10_000;
  await ask(handler, 'a.');
  clock.now += 50_000;
  await ask(handler, 'a.');
  expect(asked()).toBe(1);
  clock.now += 25_000;
  await handler(queryFor('a.'));
  await expect.poll(asked).toBe(2);
});

test('a class is a question of its own', async () => {
  const { handler, asked } = cacheOf('cache', (query) => addressReply(query));
  await ask(handler, 'a.');
  await ask(handler, 'a.', 'A', { class: 3 });
  await ask(handler, 'a.', 'A', { class: 3 });
  expect(asked()).toBe(2);
});

test('a stale reply may say that it is good for a while', async () => {
  const { handler, clock } = cacheOf('cache {\n serve_stale 1h immediate 30s\n}', (query) =>
    addressReply(query, '192.0.2.1', 10),
  );
  await ask(handler, 'a.');
  clock.now += 11_000;
  expect((await ask(handler, 'a.')).answer).toEqual(['a. 30 IN A 192.0.2.1']);
});

test('verify waits only so long; the late reply is kept', async () => {
  const late = Promise.withResolvers<void>();
  const { handler, clock } = cacheOf('cache {\n serve_stale 1h verify 10ms\n}', async (query, count) => {
    if (count === 2) await late.promise;
    return addressReply(query, `192.0.2.${count}`, 10);
  });
  await ask(handler, 'a.');
  clock.now += 11_000;
  expect((await ask(handler, 'a.')).answer).toEqual(['a. 0 IN A 192.0.2.1']);
  late.resolve();
  await expect.poll(async () => (await ask(handler, 'a.')).answer).toEqual(['a. 10 IN A 192.0.2.2']);
});

test('after a failed refresh nobody is asked again for a while', async () => {
  const { handler, clock, asked } = cacheOf('cache {\n serve_stale 1h verify 0 0 30s\n}', (query, count) =>
    count === 1 ? addressReply(query, '192.0.2.1', 10) : emptyReply(Rcode.SERVFAIL),
  );
  await ask(handler, 'a.');
  clock.now += 11_000;
  for (let i = 0; i < 3; i++) expect((await ask(handler, 'a.')).rcode).toBe('NOERROR');
  expect(asked()).toBe(2);
  clock.now += 30_000;
  await ask(handler, 'a.');
  expect(asked()).toBe(3);
});

test('prefer_positive: a denial does not hide an answer that may still be used', async () => {
  const answer = (policy: string) =>
    cacheOf(`cache {\n serve_stale 1h verify\n ${policy}\n}`, (query, count) =>
      count === 1 ? addressReply(query, '192.0.2.1', 10) : denial(),
    );
  for (const [policy, rcode] of [
    ['serve_stale_policy prefer_positive', 'NOERROR'],
    ['', 'NXDOMAIN'],
  ] as const) {
    const { handler, clock } = answer(policy);
    await ask(handler, 'a.');
    clock.now += 11_000;
    await ask(handler, 'a.');
    expect((await ask(handler, 'a.')).rcode).toBe(rcode);
  }
});

test('keepttl', async () => {
  const { handler, clock } = cacheOf('cache {\n keepttl\n}', (query) => addressReply(query, '192.0.2.1', 60));
  await ask(handler, 'a.');
  clock.now += 30_000;
  expect((await ask(handler, 'a.')).answer).toEqual(['a. 60 IN A 192.0.2.1']);
});

/** Upstream: plugin/cache/setup_test.go. */
describe('options', () => {
  const parse = (directive: string) =>
    parseOptions(createDispenser('cache', tokenize(directive, 'Corefile')), ['.']);
  const limits = (directive: string) => {
    const { success, denial } = parse(directive);
    return [success.capacity, success.most, success.least, denial.capacity, denial.most, denial.least];
  };
  test.each([
    ['cache', [9984, 3600, 5, 9984, 1800, 5]],
    ['cache {\n}', [9984, 3600, 5, 9984, 1800, 5]],
    ['cache example.nl {\n success 10\n}', [10, 3600, 5, 9984, 1800, 5]],
    ['cache example.nl {\n success 10 1800 30\n}', [10, 1800, 30, 9984, 1800, 5]],
    ['cache example.nl {\n success 10\n denial 10 15\n}', [10, 3600, 5, 10, 15, 5]],
    ['cache 25 example.nl {\n success 10\n denial 10 15 2\n}', [10, 25, 5, 10, 15, 2]],
    ['cache aaa example.nl', [9984, 3600, 5, 9984, 1800, 5]],
  ])('%s', (directive, expected) => {
    expect(limits(directive)).toEqual(expected);
  });

  const stale = (text: string) => {
    const { duration, verify, verifyTimeout, ttl, recheck } = parse(`cache {\n ${text}\n}`).serveStale ?? {};
    return [duration, verify, verifyTimeout, ttl, recheck];
  };
  test.each([
    ['serve_stale', [3_600_000, false, 0, 0, 0]],
    ['serve_stale 1h20m', [4_800_000, false, 0, 0, 0]],
    ['serve_stale 0 VERIFY', [0, true, 0, 0, 0]],
    ['serve_stale 1h immediate 30s 30s', [3_600_000, false, 0, 30, 30_000]],
    ['serve_stale 1h verify 100ms', [3_600_000, true, 100, 0, 0]],
    ['serve_stale 1h verify 0 1m 5m', [3_600_000, true, 0, 60, 300_000]],
  ])('%s', (text, expected) => {
    expect(stale(text)).toEqual(expected);
  });

  test.each([
    'success',
    'denial aaa',
    'positive 15',
    'prefetch -1',
    'prefetch 0 blurp',
    'prefetch 1 1m 5%',
    'prefetch 1 1m 10',
    'serve_stale 20',
    'serve_stale -20m',
    'serve_stale 1m nono',
    'serve_stale 1h immediate 100ms',
    'serve_stale 1h immediate 4294967296s',
    'serve_stale 1h immediate 30s extra',
    'serve_stale 1h immediate 30s 5m1s',
    'serve_stale 1h immediate 30s 30s extra',
    'serve_stale 1h verify -1ms',
    'serve_stale 1h verify 100ms 500ms',
    'serve_stale 1h verify 100ms 30s 30s extra',
    'serve_stale_policy prefer_positive',
    'serve_stale\n serve_stale_policy',
    'serve_stale\n serve_stale_policy invalid',
    'serve_stale\n serve_stale_policy prefer_positive\n serve_stale_policy prefer_positive',
    'servfail',
    'servfail 301s',
    'servfail -1s',
    'disable',
    'disable invalid',
    'keepttl x',
  ])('cache { %s } is an error', (text) => {
    expect(() => parse(`cache {\n ${text}\n}`)).toThrow(
      /^plugin\/cache: Corefile:\d - Error during parsing: /,
    );
  });

  test.each(['cache 0 example.nl', 'cache -1 example.nl', 'cache\ncache'])('%s is an error', (directive) => {
    expect(() => parse(directive)).toThrow('plugin/cache: Corefile:');
  });
});
