import { describe, expect, test } from 'vitest';
import type { Handler } from '../../plugin.ts';
import { ask } from '../../testing/ask.ts';
import { setUp } from '../../testing/plugin.ts';
import { emptyReply, type Query, Rcode, type Reply } from '../../wire/message.ts';
import { parseRecord } from '../../zonefile/zonefile.ts';
import { rewrite } from './plugin.ts';

/** The facts of upstream's plugin/rewrite/*_test.go. */

const replyWith = (answers: string[], additionals: string[] = [], rcode = 0): Reply => ({
  ...emptyReply(rcode),
  answers: answers.map((text) => parseRecord(text)),
  additionals: additionals.map((text) => parseRecord(text)),
});

/** The plugin in front of `next`, and what got through to it. */
function rewriting(directives: string, next?: (query: Query) => Reply, lookup?: Handler) {
  const asked: Query[] = [];
  const answer = next ?? (({ name }) => replyWith([`${name} 5 IN A 10.0.0.1`]));
  const handler = setUp(rewrite, directives, lookup ? { lookup } : {}).before((query) => {
    asked.push(query);
    return answer(query);
  });
  return { handler, asked };
}

describe('questions', () => {
  const rules = `rewrite stop name from.nl. to.nl.
 rewrite stop name regex (core)\\.(dns)\\.(rocks)\\.(nl) {2}.{1}.{3}.{4} answer name (dns)\\.(core)\\.(rocks)\\.(nl) {2}.{1}.{3}.{4}
 rewrite stop name exact from.exact.nl. to.nl.
 rewrite stop name prefix prefix to
 rewrite stop name suffix .suffix. .nl.
 rewrite stop name substring from.substring to
 rewrite stop name regex (f.*m)\\.regex\\.(nl) to.{2}
 rewrite continue name regex consul\\.(rocks) core.dns.{1}
 rewrite stop name core.dns.rocks to.nl.
 rewrite continue class HS CH
 rewrite stop class CH IN
 rewrite stop type ANY HINFO`;
  test.each([
    ['from.nl.', 'A', 1, 'to.nl. A 1'],
    ['FROM.nl.', 'A', 1, 'to.nl. A 1'],
    ['a.nl.', 'A', 1, 'a.nl. A 1'],
    ['a.nl.', 'A', 3, 'a.nl. A 1'],
    ['a.nl.', 'ANY', 1, 'a.nl. HINFO 1'],
    ['from.nl.', 'ANY', 1, 'to.nl. ANY 1'],
    ['from.exact.nl.', 'A', 1, 'to.nl. A 1'],
    ['prefix.nl.', 'A', 1, 'to.nl. A 1'],
    ['to.suffix.', 'A', 1, 'to.nl. A 1'],
    ['from.substring.nl.', 'A', 1, 'to.nl. A 1'],
    ['from.regex.nl.', 'A', 1, 'to.nl. A 1'],
    ['consul.rocks.', 'A', 1, 'to.nl. A 1'],
    ['a.nl.', 'ANY', 3, 'a.nl. ANY 1'],
    ['a.nl.', 'ANY', 4, 'a.nl. ANY 1'],
    ['core.dns.rocks.nl.', 'A', 1, 'dns.core.rocks.nl. A 1'],
  ])('%s %s of class %i', async (name, type, klass, expected) => {
    const { handler, asked } = rewriting(rules);
    await ask(handler, name, type, { class: klass });
    expect(asked.map((query) => `${query.name} ${query.type} ${query.class}`)).toEqual([expected]);
  });

  test('names that cannot be are an error', async () => {
    const { handler } = rewriting(`rewrite name regex (.*)\\.nl ${'a'.repeat(64)}.{1}`);
    await expect(async () => ask(handler, 'b.nl.')).rejects.toThrow('invalid name after rewrite');
  });
});

describe('replies', () => {
  /** The owner and the value of the first answer, then the first additional owner. */
  const firsts = async (handler: Handler, name: string, type: string): Promise<string[]> => {
    const { answer, additional } = await ask(handler, name, type);
    return [
      answer[0]?.split(' ')[0] ?? '',
      answer[0]?.split(' ').at(-1) ?? '',
      additional[0]?.split(' ')[0] ?? '',
    ];
  };

  test('exact names come back by themselves, others with answer auto', async () => {
    const back = async (rule: string, name: string) => firsts(rewriting(rule).handler, name, 'A');
    expect((await back('rewrite name from.nl to.nl', 'From.nl.'))[0]).toBe('From.nl.');
    expect((await back('rewrite name prefix prefix to', 'prefix.nl.'))[0]).toBe('to.nl.');
    expect((await back('rewrite name prefix prefix to answer auto', 'prefix.nl.'))[0]).toBe('prefix.nl.');
    expect((await back('rewrite name substring sub to answer auto', 'a.sub.nl.'))[0]).toBe('a.sub.nl.');
    expect((await back('rewrite name regex (.*)\\.nl {1}.be answer auto', 'a.nl.'))[0]).toBe('a.nl.');
  });

  test('a suffix is swapped in every name', async () => {
    const { handler } = rewriting('rewrite name suffix .coredns.rocks .service.consul answer auto', () =>
      replyWith(['a.service.consul. 5 IN CNAME b.service.consul.', 'b.service.consul. 5 IN A 10.0.0.1']),
    );
    expect((await ask(handler, 'a.coredns.rocks.')).answer).toEqual([
      'a.coredns.rocks. 5 IN CNAME b.coredns.rocks.',
      'b.coredns.rocks. 5 IN A 10.0.0.1',
    ]);
  });

  const both = (mode: string) =>
    `rewrite ${mode} name regex (.*)\\.domain\\.uk {1}.cluster.local answer name (.*)\\.cluster\\.local {1}.domain.uk answer value (.*)\\.cluster\\.local {1}.domain.uk`;
  const chained = `rewrite continue name suffix .domain.uk .domain.us answer auto
 rewrite stop name suffix .domain.us .cluster.local answer auto`;
  const suffix =
    'rewrite name suffix .domain.uk .cluster.local answer auto answer value (.*)\\.cluster\\.local {1}.domain.uk';
  const values: [type: string, data: string, value: string][] = [
    ['SRV', 'SRV 0 100 100 srv1.my.cluster.local.', 'srv1.my.domain.uk.'],
    ['ANY', 'CNAME cname.cluster.local.', 'cname.domain.uk.'],
    ['ANY', 'DNAME dname.cluster.local.', 'dname.domain.uk.'],
    ['MX', 'MX 1 mx1.cluster.local.', 'mx1.domain.uk.'],
    ['ANY', 'NS ns1.cluster.local.', 'ns1.domain.uk.'],
    ['PTR', 'PTR ptr.cluster.local.', 'ptr.domain.uk.'],
  ];
  test.each(
    [both('stop'), both('continue'), suffix, chained].flatMap((rules) =>
      values.map((value) => [rules, ...value] as const),
    ),
  )('%s: %s %s', async (rules, type, data, value) => {
    const target = data.split(' ').at(-1) ?? '';
    const { handler, asked } = rewriting(rules, () =>
      replyWith([`my.cluster.local. 5 IN ${data}`], [`${target} 5 IN A 10.0.0.1`]),
    );
    expect(await firsts(handler, 'my.domain.uk.', type)).toEqual(['my.domain.uk.', value, value]);
    expect(asked[0]?.name).toBe('my.cluster.local.');
  });

  test('the block form, as in the README of upstream', async () => {
    const { handler, asked } = rewriting(`rewrite stop {
   name regex (.*)-(us-west-1)\\.coredns\\.rocks {1}.service.{2}.consul
   answer name (.*)\\.service\\.(us-west-1)\\.consul {1}-{2}.coredns.rocks
 }`);
    expect((await ask(handler, 'ftp-us-west-1.coredns.rocks.')).answer).toEqual([
      'ftp-us-west-1.coredns.rocks. 5 IN A 10.0.0.1',
    ]);
    expect(asked[0]?.name).toBe('ftp.service.us-west-1.consul.');
  });

  test.each([
    ['ttl example.com. 30', 30],
    ['ttl example.com. 30-300', 100],
    ['ttl example.com. 200-300', 200],
    ['ttl example.com. -30', 30],
    ['ttl example.com. 300-', 300],
    ['ttl prefix www. 7', 100],
    ['ttl prefix exam 100', 100],
    ['ttl suffix .com 7', 7],
    ['ttl substring ample.com 7', 7],
    ['ttl regex ^ex.*$ 7', 7],
    ['ttl exact other.com 7', 100],
  ])('rewrite %s makes it %i', async (rule, ttl) => {
    const { handler } = rewriting(`rewrite ${rule}`, ({ name }) => replyWith([`${name} 100 IN A 10.0.0.1`]));
    expect((await ask(handler, 'example.com.')).answer).toEqual([`example.com. ${ttl} IN A 10.0.0.1`]);
  });

  test.each([
    ['rcode regex (.*)\\.coredns\\.rocks SERVFAIL NOERROR', 'a.coredns.rocks.', 'NOERROR'],
    ['rcode suffix coredns.rocks 2 NXDOMAIN', 'a.coredns.rocks.', 'NXDOMAIN'],
    ['rcode a.coredns.rocks 2 0', 'a.coredns.rocks.', 'NOERROR'],
    ['rcode b.coredns.rocks 2 0', 'a.coredns.rocks.', 'SERVFAIL'],
    ['rcode a.coredns.rocks NXDOMAIN NOERROR', 'a.coredns.rocks.', 'SERVFAIL'],
  ])('rewrite %s: %s is %s', async (rule, name, rcode) => {
    const { handler } = rewriting(`rewrite ${rule}`, () => emptyReply(Rcode.SERVFAIL));
    expect((await ask(handler, name)).rcode).toBe(rcode);
  });

  test('an rcode rule counts for a chain that fails as well', async () => {
    const failing = (rule: string) =>
      setUp(rewrite, `rewrite rcode ${rule}`).before(() => {
        throw new Error('no upstream');
      });
    expect((await ask(failing('a. SERVFAIL NXDOMAIN'), 'a.')).rcode).toBe('NXDOMAIN');
    await expect(ask(failing('a. NXDOMAIN NOERROR'), 'a.')).rejects.toThrow('no upstream');
  });

  test('cname: what the new target has stands after it', async () => {
    const upstream = () =>
      replyWith([
        'my-app.com. 200 IN CNAME my-app.example.',
        'my-app.example. 200 IN CNAME my-app.com.cdn.example.net.',
        'my-app.com.cdn.example.net. 300 IN A 20.2.0.1',
      ]);
    const { handler } = rewriting(
      'rewrite cname regex (.*).cdn.example.net. {1}.other.cdn.com.',
      upstream,
      ({ name }) => replyWith([`${name} 100 IN A 30.3.1.2`]),
    );
    expect((await ask(handler, 'my-app.com.')).answer).toEqual([
      'my-app.com. 200 IN CNAME my-app.example.',
      'my-app.com.other.cdn.com. 100 IN A 30.3.1.2',
      'my-app.example. 200 IN CNAME my-app.com.other.cdn.com.',
    ]);
    const lost = rewriting('rewrite cname my-app.example other.', upstream).handler;
    expect((await ask(lost, 'my-app.com.')).answer).toHaveLength(3);
  });
});

describe('edns0', () => {
  const option = (code: number, hex: string) => ({ code, data: Buffer.from(hex, 'hex') });
  const client = { address: '10.240.0.1', port: 40_212 };
  const seen = async (rules: string, options: ReturnType<typeof option>[], extra: Partial<Query> = {}) => {
    const { handler, asked } = rewriting(rules, () => emptyReply(0));
    const edns = { version: 0, udpSize: 1232, dnssecOk: false, options };
    const reply = await handler({
      ...({ id: 1, name: 'example.com.', lower: 'example.com.', type: 'A', class: 1 } as Query),
      client,
      protocol: 'udp',
      edns,
      ...extra,
    });
    const shown = (of: readonly { code: number; data: Buffer }[] | undefined) =>
      (of ?? []).map(({ code, data }) => `${code.toString(16)}=${data.toString('hex')}`);
    return { asked: shown(asked[0]?.edns?.options), replied: shown(reply.options) };
  };

  test.each([
    ['local set 0xffee 0xabcdef', [], ['ffee=abcdef']],
    ['local set 0xffee abcd', [option(0xffee, '00')], ['ffee=61626364']],
    ['local set 65518 abcd', [], ['ffee=61626364']],
    ['local append 0xffee abcd', [option(0xffee, '00')], ['ffee=00']],
    ['local append 0xffee abcd', [], ['ffee=61626364']],
    ['local replace 0xffee abcd', [option(0xffee, '00')], ['ffee=61626364']],
    ['local replace 0xffee abcd', [], []],
    ['local unset 0xffee', [option(0xffee, '00'), option(10, '01')], ['a=01']],
    ['local set 0xffee {qname}', [], [`ffee=${Buffer.from('example.com.').toString('hex')}`]],
    ['local set 0xffee {qtype}', [], ['ffee=0001']],
    ['local set 0xffee {client_ip}', [], ['ffee=0af00001']],
    ['local set 0xffee {client_port}', [], ['ffee=9d14']],
    ['local set 0xffee {protocol}', [], [`ffee=${Buffer.from('udp').toString('hex')}`]],
    ['nsid set', [option(3, 'aa')], ['3=']],
    ['nsid append', [option(3, 'aa')], ['3=aa']],
    ['nsid unset', [option(3, 'aa')], []],
    ['subnet set 24 56', [], ['8=000118000af000']],
    ['subnet set 9 56', [], ['8=000109000a80']],
    ['subnet set 0 56', [], ['8=00010000']],
    ['subnet unset', [option(8, '00011800')], []],
  ])('%s', async (rule, before, after) => {
    expect((await seen(`rewrite edns0 ${rule}`, before)).asked).toEqual(after);
  });

  test('an IPv6 client has a subnet, too', async () => {
    const extra = { client: { address: '2001:db8:1:2:3::4', port: 1 } };
    expect((await seen('rewrite edns0 subnet set 24 56', [], extra)).asked).toEqual([
      '8=0002380020010db8000100',
    ]);
  });

  test('the reply shows the option, unless it is reverted', async () => {
    expect((await seen('rewrite edns0 local set 0xffee abcd', [])).replied).toEqual(['ffee=61626364']);
    expect((await seen('rewrite edns0 local set 0xffee abcd revert', [])).replied).toEqual([]);
    const twice =
      'rewrite continue {\n edns0 local set 0xffee abcd\n }\n rewrite edns0 local replace 0xffee bcde revert';
    const { asked, replied } = await seen(twice, []);
    expect([asked, replied]).toEqual([['ffee=62636465'], ['ffee=61626364']]);
  });
});

describe('rules', () => {
  test.each([
    'foo x',
    'name',
    'name a.com',
    'name a.com b.com c.com',
    'name regex ([a]\\.com new-{1}.com',
    'name regex (a) {1}.{2}',
    'name regex (a) {1} answer name (b) {1} too.long way.too.long',
    'name regex (a) {1} NoAnswer name (b) {1}',
    'name regex (a) {1} answer ttl (b) {1}',
    'name regex (a) {1} answer name (b) {1}.{2}',
    'name regex (a) {1} answer auto answer name (b) {1}',
    'name regex (a) {1} answer',
    'name substring a.com b.com c.com',
    'type',
    'type a',
    'type any a a',
    'type XY WV',
    'type ANY WV',
    'class',
    'class IN',
    'class ch in in',
    'class XY WV',
    'edns0',
    'edns0 unknown-rule-type set',
    'edns0 local',
    'edns0 local set',
    'edns0 local set 0xffee',
    'edns0 local set invalid-uint abcdefg',
    'edns0 local unset 0xffee abcdefg',
    'edns0 local unset 0xffee revert',
    'edns0 local foo 0xffee abcdefg',
    'edns0 local set 0xffee 0xabcdefg',
    'edns0 nsid set junk',
    'edns0 nsid unset revert',
    'edns0 nsid foo',
    'edns0 local set 0xffee {dummy}',
    'edns0 subnet set -1 56',
    'edns0 subnet set 24 -56',
    'edns0 subnet set 33 56',
    'edns0 subnet set 24 129',
    'edns0 subnet append 24 56 72',
    'edns0 subnet unset 24 56',
    'unknown-action name a.com b.com',
    'ttl example.com. -',
    'ttl example.com. 300-30',
    'ttl example.com.',
    'ttl example.com. many',
    'ttl best example.com 30',
    'rcode example.com. NONSENSE NOERROR',
    'rcode example.com. 2 24',
    'rcode example.com. 2',
    'cname a',
    'cname best a b',
    'answer name a b',
    'stop',
  ])('rewrite %s is an error with its line', (rule) => {
    expect(() => setUp(rewrite, `rewrite ${rule}`)).toThrow(
      /^plugin\/rewrite: Corefile:2 - Error during parsing: /,
    );
  });

  test.each([
    'name a.com b.com',
    'continue name exact a.com b.com',
    'stop name regex (a) {1} answer name (b) {1} value (c) {1}',
    'name substring fcore.dns.rocks dns.fcore.rocks answer name (fcore)\\.(dns)\\.(rocks) {2}.{1}.{3}',
    'type any a',
    'class ch in',
    'edns0 nsid set revert',
    'edns0 subnet unset',
  ])('rewrite %s is one', (rule) => {
    setUp(rewrite, `rewrite ${rule}`);
  });
});
