import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Handler } from '../../plugin.ts';
import { ask, queryFor } from '../../testing/ask.ts';
import { instanceOf, testSurroundings } from '../../testing/plugin.ts';

/** The facts of upstream's plugin/file/*_test.go, without the signed zones. */

const folder = mkdtempSync(join(tmpdir(), 'v9s-file-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
function fileOf(text: string): string {
  const path = join(folder, `db-${count++}`);
  writeFileSync(path, text);
  return path;
}

/** The chain of `. { file … }`, which CNAMEs that lead out of the zone go through as well. */
function serve(zoneText: string, origin: string, options = '', after = ''): Handler {
  const { listeners } = instanceOf(`. {\n file ${fileOf(zoneText)} ${origin} {\n${options}\n }\n${after}\n}`);
  const handler = listeners.get(':53')?.zones.get('.');
  if (!handler) throw new Error('no chain');
  return handler;
}

/** What is compared of a reply: rcode, answers in their order, authorities, additionals. */
async function tell(handler: Handler, name: string, type: string) {
  const { rcode, answer, authority, additional } = await ask(handler, name, type);
  return { rcode, answer, authority, additional };
}

const miek = `
$TTL    30M
$ORIGIN miek.nl.
@       IN      SOA     linode.atoom.net. miek.miek.nl. (
                             1282630057 ; Serial
                             4H         ; Refresh
                             1H         ; Retry
                             7D         ; Expire
                             4H )       ; Negative Cache TTL
                IN      NS      linode.atoom.net.
                IN      NS      ns-ext.nlnetlabs.nl.
                IN      MX      1  aspmx.l.google.com.
                IN      MX      5  alt1.aspmx.l.google.com.
                IN      A       139.162.196.78
                IN      AAAA    2a01:7e00::f03c:91ff:fef1:6735
a               IN      A       139.162.196.78
                IN      AAAA    2a01:7e00::f03c:91ff:fef1:6735
www             IN      CNAME   a
archive         IN      CNAME   a
srv             IN      SRV     10 10 8080 a.miek.nl.
mx              IN      MX      10 a.miek.nl.
a.b.c           IN      A       127.0.0.1
delegated       IN      NS      a.delegated
                IN      NS      ns-ext.nlnetlabs.nl.
a.delegated     IN      A       139.162.196.78
                IN      AAAA    2a01:7e00::f03c:91ff:fef1:6735
intodelegated   IN      CNAME   x.delegated
out             IN      CNAME   www.example.net.
dname           IN      DNAME   test
dname           IN      A       127.0.0.1
a.test          IN      A       139.162.196.78
www.test        IN      CNAME   a.test
`;
const soa = 'miek.nl. 1800 IN SOA linode.atoom.net. miek.miek.nl. SERIAL 14400 3600 604800 14400';
const ns = ['miek.nl. 1800 IN NS linode.atoom.net.', 'miek.nl. 1800 IN NS ns-ext.nlnetlabs.nl.'];
const a = 'a.miek.nl. 1800 IN A 139.162.196.78';
const aaaa = 'a.miek.nl. 1800 IN AAAA 2a01:7e00::f03c:91ff:fef1:6735';
const has = (answer: string[], additional: string[] = []) => ({
  rcode: 'NOERROR',
  answer: answer.sort(),
  authority: ns,
  additional: additional.sort(),
});
const nodata = { rcode: 'NOERROR', answer: [], authority: [soa], additional: [] };
const referral = {
  rcode: 'NOERROR',
  answer: [],
  authority: [
    'delegated.miek.nl. 1800 IN NS a.delegated.miek.nl.',
    'delegated.miek.nl. 1800 IN NS ns-ext.nlnetlabs.nl.',
  ],
  additional: [
    'a.delegated.miek.nl. 1800 IN A 139.162.196.78',
    'a.delegated.miek.nl. 1800 IN AAAA 2a01:7e00::f03c:91ff:fef1:6735',
  ],
};

describe('a zone', () => {
  const handler = serve(miek, 'miek.nl');
  const cases: [name: string, type: string, expected: object][] = [
    ['www.miek.nl.', 'A', has([a, 'www.miek.nl. 1800 IN CNAME a.miek.nl.'])],
    ['www.miek.nl.', 'AAAA', has([aaaa, 'www.miek.nl. 1800 IN CNAME a.miek.nl.'])],
    ['www.miek.nl.', 'CNAME', has(['www.miek.nl. 1800 IN CNAME a.miek.nl.'])],
    ['miek.nl.', 'SOA', has([soa])],
    ['miek.nl.', 'NS', { ...has([...ns]), authority: [] }],
    ['mIeK.NL.', 'AAAA', has(['miek.nl. 1800 IN AAAA 2a01:7e00::f03c:91ff:fef1:6735'])],
    [
      'miek.nl.',
      'MX',
      has(['miek.nl. 1800 IN MX 1 aspmx.l.google.com.', 'miek.nl. 1800 IN MX 5 alt1.aspmx.l.google.com.']),
    ],
    ['a.miek.nl.', 'SRV', nodata],
    ['b.miek.nl.', 'A', { ...nodata, rcode: 'NXDOMAIN' }],
    ['srv.miek.nl.', 'SRV', has(['srv.miek.nl. 1800 IN SRV 10 10 8080 a.miek.nl.'], [a, aaaa])],
    ['mx.miek.nl.', 'MX', has(['mx.miek.nl. 1800 IN MX 10 a.miek.nl.'], [a, aaaa])],
    ['b.c.miek.nl.', 'A', nodata],
    ['c.miek.nl.', 'A', nodata],
    ['a.delegated.miek.nl.', 'TXT', referral],
    ['delegated.miek.nl.', 'NS', referral],
    ['foo.delegated.miek.nl.', 'A', referral],
    ['foo.delegated.miek.nl.', 'SOA', referral],
    ['delegated.miek.nl.', 'DS', nodata],
    [
      'intodelegated.miek.nl.',
      'A',
      { ...referral, answer: ['intodelegated.miek.nl. 1800 IN CNAME x.delegated.miek.nl.'] },
    ],
    ['dname.miek.nl.', 'DNAME', has(['dname.miek.nl. 1800 IN DNAME test.miek.nl.'])],
    ['dname.miek.nl.', 'A', has(['dname.miek.nl. 1800 IN A 127.0.0.1'])],
    ['dname.miek.nl.', 'MX', nodata],
    [
      'a.dname.miek.nl.',
      'A',
      has([
        'dname.miek.nl. 1800 IN DNAME test.miek.nl.',
        'a.dname.miek.nl. 1800 IN CNAME a.test.miek.nl.',
        'a.test.miek.nl. 1800 IN A 139.162.196.78',
      ]),
    ],
    [
      'www.dname.miek.nl.',
      'A',
      has([
        'dname.miek.nl. 1800 IN DNAME test.miek.nl.',
        'www.dname.miek.nl. 1800 IN CNAME www.test.miek.nl.',
        'www.test.miek.nl. 1800 IN CNAME a.test.miek.nl.',
        'a.test.miek.nl. 1800 IN A 139.162.196.78',
      ]),
    ],
    [
      'a.dname.miek.nl.',
      'CNAME',
      has(['dname.miek.nl. 1800 IN DNAME test.miek.nl.', 'a.dname.miek.nl. 1800 IN CNAME a.test.miek.nl.']),
    ],
  ];
  test.each(cases)('%s %s', async (name, type, expected) => {
    expect(await tell(handler, name, type)).toEqual(expected);
  });

  test('a referral alone is not authoritative', async () => {
    expect((await handler(queryFor('foo.delegated.miek.nl.'))).authoritative).toBe(false);
    expect((await handler(queryFor('a.miek.nl.'))).authoritative).toBe(true);
  });

  test('a CNAME out of the zone is followed by asking this server; without an answer it is SERVFAIL', async () => {
    const cname = 'out.miek.nl. 1800 IN CNAME www.example.net.';
    expect(await tell(handler, 'out.miek.nl.', 'A')).toMatchObject({ rcode: 'SERVFAIL', answer: [cname] });
    const answering = serve(miek, 'miek.nl', '', ' hosts {\n 10.9.9.9 www.example.net\n }');
    // hosts stands before file: what file asks for goes through the whole chain.
    expect(await tell(answering, 'out.miek.nl.', 'A')).toMatchObject({
      rcode: 'SERVFAIL', // hosts has no out.miek.nl., and does not pass it on
    });
    const passing = serve(miek, 'miek.nl', '', ' hosts {\n 10.9.9.9 www.example.net\n fallthrough\n }');
    expect(await tell(passing, 'out.miek.nl.', 'A')).toEqual(
      has([cname, 'www.example.net. 3600 IN A 10.9.9.9']),
    );
  });

  test('transfers are refused; other zones are passed on', async () => {
    expect((await ask(handler, 'miek.nl.', 'AXFR')).rcode).toBe('REFUSED');
    await expect(async () => ask(handler, 'example.org.')).rejects.toThrow('no next plugin');
  });
});

const head = `$TTL 3600
example.org. IN SOA sns.dns.icann.org. noc.dns.icann.org. 2015082541 7200 3600 1209600 3600
example.org. IN NS b.iana-servers.net.
`;
const denial = 'example.org. 3600 IN SOA sns.dns.icann.org. noc.dns.icann.org. SERIAL 7200 3600 1209600 3600';
const missing = { rcode: 'NXDOMAIN', answer: [], authority: [denial] };
const empty = { rcode: 'NOERROR', answer: [], authority: [denial] };
const found = (...answer: string[]) => ({ rcode: 'NOERROR', answer: answer.sort() });

describe('wildcards', () => {
  const zones = {
    double: `${head}
*.w.example.org.        IN TXT "Wildcard"
a.b.c.w.example.org.    IN TXT "Not a wildcard"
*.c.example.org.        IN TXT "c Wildcard"
*.d.example.org.        IN CNAME alias.example.org.
alias.example.org.      IN TXT "Wildcard CNAME expansion"
`,
    apex: `${head}
*.example.org.          IN A 127.0.0.53
*.intern.example.org.   IN A 127.0.1.52
foo.example.org.        IN A 127.0.0.54
`,
    closer: `${head}
*.example.org.           IN A 127.0.0.53
real.deeper.example.org. IN A 127.0.0.54
`,
    empty: `${head}
f.*.e.example.org.       IN A 192.0.2.1
t.e.example.org.         IN A 192.0.2.2
real.deep.e.example.org. IN A 192.0.2.3
*.ordinary.example.org.  IN A 192.0.2.4
`,
    mail: `${head}
mail.example.org.        IN A 192.0.2.10
*.wild.example.org.      IN MX 10 mail.example.org.
`,
  };
  const cases: [zone: keyof typeof zones, name: string, type: string, expected: object][] = [
    ['double', 'wild.w.example.org.', 'TXT', found('wild.w.example.org. 3600 IN TXT "Wildcard"')],
    ['double', 'wild.c.example.org.', 'TXT', found('wild.c.example.org. 3600 IN TXT "c Wildcard"')],
    [
      'double',
      'wild.d.example.org.',
      'TXT',
      found(
        'wild.d.example.org. 3600 IN CNAME alias.example.org.',
        'alias.example.org. 3600 IN TXT "Wildcard CNAME expansion"',
      ),
    ],
    ['double', 'wild.w.example.org.', 'SRV', empty],
    ['apex', 'foo.example.org.', 'A', found('foo.example.org. 3600 IN A 127.0.0.54')],
    ['apex', 'bar.example.org.', 'A', found('bar.example.org. 3600 IN A 127.0.0.53')],
    ['apex', 'a.b.example.org.', 'A', found('a.b.example.org. 3600 IN A 127.0.0.53')],
    ['apex', 'bar.intern.example.org.', 'A', found('bar.intern.example.org. 3600 IN A 127.0.1.52')],
    ['closer', 'nonexistent.deeper.example.org.', 'A', missing],
    ['closer', 'nonexistent.example.org.', 'A', found('nonexistent.example.org. 3600 IN A 127.0.0.53')],
    ['empty', 'something.e.example.org.', 'A', empty],
    ['empty', 'something.e.example.org.', 'AAAA', empty],
    ['empty', 'something.somewhere.e.example.org.', 'A', empty],
    ['empty', 'f.*.e.example.org.', 'A', found('f.*.e.example.org. 3600 IN A 192.0.2.1')],
    ['empty', 'missing.*.e.example.org.', 'A', missing],
    ['empty', 'missing.deep.e.example.org.', 'A', missing],
    [
      'empty',
      'something.ordinary.example.org.',
      'A',
      found('something.ordinary.example.org. 3600 IN A 192.0.2.4'),
    ],
    [
      'mail',
      'foo.wild.example.org.',
      'MX',
      {
        ...found('foo.wild.example.org. 3600 IN MX 10 mail.example.org.'),
        additional: ['mail.example.org. 3600 IN A 192.0.2.10'],
      },
    ],
  ];
  test.each(cases)('%s: %s %s', async (zone, name, type, expected) => {
    expect(await tell(serve(zones[zone], 'example.org'), name, type)).toMatchObject(expected);
  });

  test('CNAMEs that lead to each other end', async () => {
    const handler = serve(
      `${head}a.example.org. CNAME b\nb.example.org. CNAME a.example.org.`,
      'example.org',
    );
    expect((await tell(handler, 'a.example.org.', 'A')).answer.length).toBeLessThan(12);
    const wild = serve(`${head}*.example.org. CNAME x.y.example.org.`, 'example.org');
    expect((await tell(wild, 'a.example.org.', 'A')).rcode).toBe('SERVFAIL');
  });
});

describe('options', () => {
  test('fallthrough passes on names that do not exist, not those without data', async () => {
    const handler = serve(miek, 'miek.nl', '  fallthrough', ' whoami');
    expect((await tell(handler, 'nobody.miek.nl.', 'A')).additional).toHaveLength(2);
    expect(await tell(handler, 'a.miek.nl.', 'TXT')).toEqual(nodata);
  });

  const start = async (path: string, options: string) => {
    const around = testSurroundings();
    const instance = instanceOf(`. {\n file ${path} example.org {\n${options}\n }\n}`, around);
    await instance.start();
    instance.serving();
    const handler = instance.listeners.get(':53')?.zones.get('.');
    if (!handler) throw new Error('no chain');
    const address = async () => (await ask(handler, 'example.org.')).answer[0]?.split(' ').at(-1);
    return { address, around, handler, stop: () => instance.stop(true) };
  };
  const zoneOf = (serial: number, address: string) =>
    `example.org. SOA a. b. ${serial} 1 1 1 1\nexample.org. A ${address}\n`;

  test('another serial is another zone; a broken file changes nothing', async () => {
    const path = fileOf(zoneOf(1, '10.0.0.1'));
    const { address, around, stop } = await start(path, '  reload 10ms');
    expect(await address()).toBe('10.0.0.1');
    writeFileSync(path, 'nonsense');
    await expect.poll(() => around.lines.join()).toContain('plugin/file: Parsing zone "example.org."');
    expect(await address()).toBe('10.0.0.1');
    writeFileSync(path, zoneOf(2, '10.0.0.2'));
    await expect.poll(address).toBe('10.0.0.2');
    expect(around.lines.at(-1)).toContain('Successfully reloaded zone "example.org."');
    await stop();
  });

  test('reload_by_mtime looks at the time of the file, not at the serial', async () => {
    const path = fileOf(zoneOf(1, '10.0.0.1'));
    const { address, stop } = await start(path, '  reload 10ms\n  reload_by_mtime');
    writeFileSync(path, zoneOf(1, '10.0.0.2'));
    utimesSync(path, new Date(), new Date(Date.now() + 5_000));
    await expect.poll(address).toBe('10.0.0.2');
    await stop();
  });

  test('a file that is missing is waited for, SERVFAIL until it comes', async () => {
    const path = join(folder, 'later');
    const { handler, address, stop } = await start(path, '  reload 10ms');
    expect((await ask(handler, 'example.org.')).rcode).toBe('SERVFAIL');
    writeFileSync(path, zoneOf(1, '10.0.0.1'));
    await expect.poll(address).toBe('10.0.0.1');
    await stop();
  });

  test.each([
    ['file', 'plugin/file: Corefile:2 - Error during parsing: Wrong argument count'],
    ['file /nonexistent/db {\n reload 0\n }', 'cannot open "/nonexistent/db", and reload is 0'],
    [`file ${fileOf('a A 10.0.0.1')}`, 'has no SOA record for origin .'],
    [`file ${fileOf('a A 10.0.0')}`, 'db-'],
    ['file /nonexistent/db {\n reload\n }', 'reload duration value is expected'],
    [
      'file /nonexistent/db {\n nonsense\n }',
      "Corefile:3 - Error during parsing: unknown property 'nonsense'",
    ],
  ])('%s is an error', (directive, message) => {
    expect(() => instanceOf(`. {\n ${directive}\n}`)).toThrow(message);
  });
});
