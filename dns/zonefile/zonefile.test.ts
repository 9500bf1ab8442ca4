import { describe, expect, test } from 'vitest';
import { formatRecord } from '../wire/format.ts';
import { parseRecord, parseZoneFile } from './zonefile.ts';

const read = (text: string, options: Partial<Parameters<typeof parseZoneFile>[1]> = {}) =>
  parseZoneFile(text, { origin: 'example.org', file: 'db', ...options }).map(formatRecord);

describe('records', () => {
  test.each([
    ['www A 10.0.0.1', 'www.example.org. 3600 IN A 10.0.0.1'],
    ['@ 60 IN AAAA FD00:0::1', 'example.org. 60 IN AAAA fd00::1'],
    ['a IN 1h30m CNAME b.', 'a.example.org. 5400 IN CNAME b.'],
    ['WWW.Example.NET. NS ns1', 'WWW.Example.NET. 3600 IN NS ns1.example.org.'],
    ['a MX 10 mail', 'a.example.org. 3600 IN MX 10 mail.example.org.'],
    ['_http._tcp SRV 0 100 80 a', '_http._tcp.example.org. 3600 IN SRV 0 100 80 a.example.org.'],
    [
      'a TXT "one; two" three "with \\"quotes\\""',
      'a.example.org. 3600 IN TXT "one; two" "three" "with \\"quotes\\""',
    ],
    ['a\\.b A 10.0.0.1', 'a\\.b.example.org. 3600 IN A 10.0.0.1'],
    [
      'a CAA 0 issue "letsencrypt.org"',
      'a.example.org. 3600 IN CAA \\# 22 000569737375656c657473656e63727970742e6f7267',
    ],
    ['a HINFO cpu "an os"', 'a.example.org. 3600 IN HINFO \\# 10 0363707505616e206f73'],
    ['a TYPE65280 \\# 2 ab cd', 'a.example.org. 3600 IN TYPE65280 \\# 2 abcd'],
    ['a TYPE1 10.0.0.1', 'a.example.org. 3600 IN A 10.0.0.1'],
    ['a SSHFP 1 1 aabb', 'a.example.org. 3600 IN SSHFP \\# 4 0101aabb'],
    ['a DS 10056 5 1 EE72', 'a.example.org. 3600 IN DS \\# 6 27480501ee72'],
    ['a TLSA 3 1 1 aabb', 'a.example.org. 3600 IN TLSA \\# 5 030101aabb'],
    [
      'a NAPTR 100 10 "S" "SIP+D2U" "" b.',
      'a.example.org. 3600 IN NAPTR \\# 18 0064000a0153075349502b44325500016200',
    ],
  ])('%s', (text, expected) => {
    expect(read(text)).toEqual([expected]);
  });

  test.each([
    ['a A 10.0.0', 'db:1 - bad A record: 10.0.0 is no IPv4 address'],
    ['a A', 'db:1 - A record without its address'],
    ['a A 10.0.0.1 10.0.0.2', 'db:1 - A record with more than it takes: 10.0.0.2'],
    ['\n\na NONSENSE x', 'db:3 - not a record type: NONSENSE'],
    ['a', 'db:1 - not a record type: nothing'],
    ['a MX many mail', 'db:1 - preference of a MX record must be a number up to 65535: many'],
    ['a SOA b c 1 2 3 4', 'db:1 - SOA record without its minimum'],
    ['a TXT "open', 'db:1 - a quoted string has no end'],
    ['a SOA ( b c', "db:1 - a '(' is never closed"],
    ['a A 10.0.0.1 )', "db:1 - ')' without a '(' before it"],
    ['a RRSIG x', 'db:1 - data of type RRSIG can only be written as RFC 3597 has it: \\# LENGTH HEX'],
    ['a TYPE65280 \\# 3 abcd', 'db:1 - TYPE65280 record with 2 bytes of data where \\# says 3'],
    [`${'a'.repeat(64)} A 10.0.0.1`, 'db:1 - not a domain name'],
    ['$NONSENSE 1', 'db:1 - unknown directive: $NONSENSE'],
    ['$TTL never', 'db:1 - $TTL is no time: never'],
    ['$INCLUDE nowhere', 'db:1 - failed to open $INCLUDE nowhere: ENOENT'],
  ])('%j is an error with its line', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});

test('a zone file: origins, times to live, owners that stay, parentheses and comments', () => {
  const text = `; a comment
$ORIGIN net.
$TTL 30M
example IN SOA ns1.example mail.example ( ; over lines
   1  ; serial
   4H 1H 7D 4H )
        NS ns1.example
        60 TXT "; no comment"
$ORIGIN sub.example.net.
a    IN A 10.0.0.1
     A 10.0.0.2
`;
  expect(read(text)).toEqual([
    'example.net. 1800 IN SOA ns1.example.net. mail.example.net. 1 14400 3600 604800 14400',
    'example.net. 1800 IN NS ns1.example.net.',
    'example.net. 60 IN TXT "; no comment"',
    'a.sub.example.net. 1800 IN A 10.0.0.1',
    'a.sub.example.net. 1800 IN A 10.0.0.2',
  ]);
});

test('without $TTL the last one that a record stated holds', () => {
  expect(read('a 60 A 10.0.0.1\nb A 10.0.0.2')).toEqual([
    'a.example.org. 60 IN A 10.0.0.1',
    'b.example.org. 60 IN A 10.0.0.2',
  ]);
});

test('$INCLUDE reads another file under an origin of its own, and not without end', () => {
  const files: Record<string, string> = { '/zones/sub': 'a A 10.0.0.2\n', '/zones/loop': '$INCLUDE loop\n' };
  const options = { file: '/zones/db', readFile: (path: string) => files[path] ?? '' };
  expect(read('a A 10.0.0.1\n$INCLUDE sub sub\nb A 10.0.0.3\n', options)).toEqual([
    'a.example.org. 3600 IN A 10.0.0.1',
    'a.sub.example.org. 3600 IN A 10.0.0.2',
    'b.example.org. 3600 IN A 10.0.0.3',
  ]);
  expect(() => read('$INCLUDE loop', options)).toThrow('too deeply nested $INCLUDE: loop');
});

test('$GENERATE', () => {
  expect(read('$GENERATE 1-3/2 host-$ A 10.0.0.$')).toEqual([
    'host-1.example.org. 3600 IN A 10.0.0.1',
    'host-3.example.org. 3600 IN A 10.0.0.3',
  ]);
  expect(read(`$GENERATE 9-10 h\${1,3} CNAME x\${0,2,x}`)).toEqual([
    'h010.example.org. 3600 IN CNAME x09.example.org.',
    'h011.example.org. 3600 IN CNAME x0a.example.org.',
  ]);
  expect(() => read('$GENERATE 3-1 a A 10.0.0.1')).toThrow('bad $GENERATE range: 3-1');
});

test('one record', () => {
  expect(formatRecord(parseRecord('a.b 60 IN A 10.0.0.1'))).toBe('a.b. 60 IN A 10.0.0.1');
  expect(() => parseRecord('')).toThrow('one record is wanted here, not none');
  expect(() => parseRecord('a A 10.0.0.1\nb A 10.0.0.2')).toThrow('not 2');
});
