import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ask } from '../../testing/ask.ts';
import { chainOf, instanceOf, testSurroundings } from '../../testing/plugin.ts';
import { parseHosts } from './table.ts';

/** The facts of upstream's plugin/hosts/*_test.go. */

const folder = mkdtempSync(join(tmpdir(), 'v9s-hosts-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
function fileOf(text: string): string {
  const path = join(folder, `hosts-${count++}`);
  writeFileSync(path, text);
  return path;
}

async function handlerFor(text: string, options = '', after = '') {
  const { listeners, start } = instanceOf(`. {\n hosts ${fileOf(text)} {\n${options}\n }\n${after}\n}`);
  await start();
  const handler = listeners.get(':53')?.zones.get('.');
  if (!handler) throw new Error('no chain');
  return handler;
}

const example = `127.0.0.1 localhost localhost.domain
::1 localhost localhost.domain
10.0.0.1 example.org
10.0.0.2 example.com
1.2.3.4 *.example.com
5.6.7.8 apps.example.com
`;

describe('questions', () => {
  test.each([
    ['example.org.', 'A', ['example.org. 3600 IN A 10.0.0.1']],
    ['example.com.', 'A', ['example.com. 3600 IN A 10.0.0.2']],
    ['ExAmple.org.', 'A', ['ExAmple.org. 3600 IN A 10.0.0.1']],
    ['localhost.', 'AAAA', ['localhost. 3600 IN AAAA ::1']],
    ['1.0.0.10.in-addr.arpa.', 'PTR', ['1.0.0.10.in-addr.arpa. 3600 IN PTR example.org.']],
    [
      '1.0.0.127.in-addr.arpa.',
      'PTR',
      ['localhost.', 'localhost.domain.'].map((name) => `1.0.0.127.in-addr.arpa. 3600 IN PTR ${name}`),
    ],
    ['example.org.', 'AAAA', []],
    ['example.org.', 'MX', []],
    ['apps.example.com.', 'A', ['apps.example.com. 3600 IN A 5.6.7.8']],
    ['aa.example.com.', 'A', ['aa.example.com. 3600 IN A 1.2.3.4']],
    ['aa.example.com.', 'AAAA', []],
  ])('%s %s', async (name, type, answer) => {
    const told = await ask(await handlerFor(example), name, type);
    expect([told.rcode, told.answer]).toEqual(['NOERROR', answer]);
  });

  test('what is not there is SERVFAIL, or passed on', async () => {
    const closed = await handlerFor(example);
    expect((await ask(closed, 'nobody.org.')).rcode).toBe('SERVFAIL');
    expect((await ask(closed, 'a.b.example.com.')).rcode).toBe('SERVFAIL'); // a `*` is one label
    await expect(async () => ask(closed, '9.9.9.9.in-addr.arpa.', 'PTR')).rejects.toThrow('no next plugin');
    const open = await handlerFor(example, '  fallthrough org', ' whoami');
    expect((await ask(open, 'nobody.org.')).additional).toHaveLength(2);
    expect((await ask(open, 'nobody.net.')).rcode).toBe('SERVFAIL');
    expect((await ask(open, 'example.org.', 'TXT')).additional).toEqual([]);
    const unsupported = await handlerFor(example, '  fallthrough\n  fallthrough_unsupported', ' whoami');
    expect((await ask(unsupported, 'example.org.', 'TXT')).additional).toHaveLength(2);
    expect((await ask(unsupported, 'example.org.', 'AAAA')).additional).toEqual([]);
  });

  test('lines in the Corefile are added; ttl and no_reverse', async () => {
    const handler = await handlerFor('10.0.0.1 a', '  10.0.0.2 a b\n  ttl 60\n  no_reverse', ' whoami');
    expect((await ask(handler, 'a.')).answer).toEqual(['a. 60 IN A 10.0.0.1', 'a. 60 IN A 10.0.0.2']);
    expect((await ask(handler, '2.0.0.10.in-addr.arpa.', 'PTR')).additional).toHaveLength(2);
  });
});

test('a changed file is read again', async () => {
  const path = fileOf('10.0.0.1 a');
  const { listeners, start, serving, stop } = instanceOf(`. {\n hosts ${path} {\n reload 20ms\n }\n}`);
  await start();
  serving();
  const handler = listeners.get(':53')?.zones.get('.');
  if (!handler) throw new Error('no chain');
  expect((await ask(handler, 'a.')).answer).toEqual(['a. 3600 IN A 10.0.0.1']);
  writeFileSync(path, '10.0.0.22 a');
  await expect.poll(async () => (await ask(handler, 'a.')).answer).toEqual(['a. 3600 IN A 10.0.0.22']);
  await stop(true);
});

describe('the form of a hosts file', () => {
  const table = (text: string, zones = ['.']) => parseHosts(text, { zones, reverse: true });
  const odd = `255.255.255.255\tbroadcasthost
 127.0.0.2\todin
 127.0.0.3\todin  # a comment
 ::2             odin
 # 127.1.1.1\tthor
 127.1.1.2\tullr ullrhost
 fe80::1%lo0\tlocalhost
 123.123.123\tloki
 321.321.321.321`;
  test.each([
    ['odin.', ['127.0.0.2', '127.0.0.3'], ['::2']],
    ['thor.', [], []],
    ['ullr.', ['127.1.1.2'], []],
    ['ullrhost.', ['127.1.1.2'], []],
    ['localhost.', [], ['fe80::1']],
    ['loki.', [], []],
  ])('%s', (name, v4, v6) => {
    expect([table(odd).addresses(name, 'A'), table(odd).addresses(name, 'AAAA')]).toEqual([v4, v6]);
  });

  test('addresses in every spelling, names in any case', () => {
    const found = table('fe80:0000::0001 PreserveMe PreserveMe.local');
    expect(found.addresses('preserveme.local.', 'AAAA')).toEqual(['fe80::1']);
    expect(found.names('FE80::1')).toEqual(['preserveme.', 'preserveme.local.']);
  });

  test('names outside the zones are left out', () => {
    expect(table('10.0.0.1 a.example.org b', ['example.org.']).names('10.0.0.1')).toEqual(['a.example.org.']);
  });
});

describe('options', () => {
  test.each([
    'hosts /etc/hosts miek.nl 10.0.0.9/8 {\n fallthrough\n }',
    'hosts',
    'hosts {\n fallthrough_unsupported\n fallthrough example.org\n }',
    'hosts {\n reload 0\n }',
  ])('%s', (directive) => {
    chainOf(`. {\n ${directive}\n}`);
  });

  test.each([
    ['hosts\n hosts', 'Corefile:3 - Error during parsing: plugin can only be used once per Server Block'],
    [
      'hosts {\n fallthrough\n 10.0.0.1 a\n}',
      "Corefile:4 - Error during parsing: unknown property '10.0.0.1'",
    ],
    ['hosts {\n fallthrough_unsupported\n}', 'fallthrough_unsupported requires fallthrough'],
    ['hosts {\n ttl -1\n}', 'ttl must be in range [1, 65535]: -1'],
    ['hosts {\n ttl x\n}', 'ttl needs a number of seconds: "x"'],
    ['hosts {\n reload -3s\n}', "invalid negative duration for reload '-3s'"],
    ['hosts {\n reload 3\n}', "invalid duration for reload '3'"],
  ])('%s is an error', (directive, message) => {
    expect(() => chainOf(`. {\n ${directive}\n}`)).toThrow(message);
  });

  test('a file that is missing is told, and served when it comes', () => {
    const around = testSurroundings();
    chainOf('. {\n hosts /nonexistent/hosts\n}', [], around);
    expect(around.log).toHaveProperty('lines', [
      '[WARNING] plugin/hosts: File does not exist: /nonexistent/hosts',
    ]);
  });
});
