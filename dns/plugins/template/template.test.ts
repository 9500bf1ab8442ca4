import { describe, expect, test } from 'vitest';
import type { Handler } from '../../plugin.ts';
import { ask, queryFor, refuse } from '../../testing/ask.ts';
import { setUp } from '../../testing/plugin.ts';
import { addressReply } from '../../testing/upstream.ts';
import { compileTemplate } from './expand.ts';
import { template } from './plugin.ts';

/** The facts of upstream's plugin/template/*_test.go and the examples of its README. */

const serve = (directives: string, lookup?: Handler) =>
  setUp(template, directives, lookup ? { lookup } : {}).before(refuse);

const ip = '(^|[.])ip-10-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]example[.]$';
const address = '{{ .Name }} 60 IN A 10.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}';
const domain = `template IN A example {\n match ${ip}\n answer "${address}"\n fallthrough\n }`;
const name = 'ip-10-95-12-8.example.';
const record = `${name} 60 IN A 10.95.12.8`;
const none = { answer: [], authority: [], additional: [] };

describe('answers', () => {
  const cases: [directives: string, name: string, type: string, expected: object][] = [
    [domain, name, 'A', { rcode: 'NOERROR', ...none, answer: [record] }],
    [domain, 'IP-10-95-12-8.Example.', 'A', { rcode: 'NOERROR', ...none, answer: [record] }],
    [domain, 'test.example.', 'A', { rcode: 'REFUSED', ...none }],
    [domain, 'test.invalid.', 'A', { rcode: 'REFUSED', ...none }],
    [domain, name, 'AAAA', { rcode: 'REFUSED', ...none }],
    [domain.replace(' fallthrough', ''), 'test.example.', 'A', { rcode: 'SERVFAIL', ...none }],
    ['template ANY ANY {\n rcode SERVFAIL\n }', 'test.invalid.', 'A', { rcode: 'SERVFAIL', ...none }],
    ['template ANY ANY {\n rcode NXDOMAIN\n }', 'test.invalid.', 'MX', { rcode: 'NXDOMAIN', ...none }],
    [
      'template IN A {\n answer "{{ .Name }} 60 IN A {{ .Remote }}"\n }',
      'test.example.',
      'A',
      { rcode: 'NOERROR', ...none, answer: ['test.example. 60 IN A 10.240.0.1'] },
    ],
    [
      `template IN MX example {\n match ${ip}\n answer "{{ .Name }} 60 MX 10 {{ .Name }}"\n additional "${address}"\n }`,
      name,
      'MX',
      { rcode: 'NOERROR', ...none, answer: [`${name} 60 IN MX 10 ${name}`], additional: [record] },
    ],
    [
      `template IN A example {\n match ${ip}\n answer "${address}"\n authority "example. IN NS ns0.example.com."\n additional "ns0.example. IN A 203.0.113.8"\n }`,
      name,
      'A',
      {
        rcode: 'NOERROR',
        answer: [record],
        authority: ['example. 3600 IN NS ns0.example.com.'],
        additional: ['ns0.example. 3600 IN A 203.0.113.8'],
      },
    ],
    [
      'template ANY ANY invalid {\n match [.]invalid[.]$\n rcode NXDOMAIN\n answer "invalid. 60 {{ .Class }} SOA a.invalid. b.invalid. (1 60 60 60 60)"\n }',
      'test.invalid.',
      'MX',
      { rcode: 'NXDOMAIN', ...none, answer: ['invalid. 60 IN SOA a.invalid. b.invalid. SERIAL 60 60 60 60'] },
    ],
    [
      'template IN A example {\n match "^ip0a(?P<b>[a-f0-9]{2})(?P<c>[a-f0-9]{2})(?P<d>[a-f0-9]{2})[.]example[.]$"\n answer "{{ .Name }} 60 IN A 10.{{ parseInt .Group.b 16 8 }}.{{ parseInt .Group.c 16 8 }}.{{ parseInt .Group.d 16 8 }}"\n }',
      'ip0a5f0c09.example.',
      'A',
      { rcode: 'NOERROR', ...none, answer: ['ip0a5f0c09.example. 60 IN A 10.95.12.9'] },
    ],
    [
      'template IN ANY example.com {\n match "example\\.com\\.(dc1\\.example\\.com\\.)$"\n rcode NXDOMAIN\n authority "{{ index .Match 1 }} 60 IN SOA ns.{{ index .Match 1 }} h.{{ index .Match 1 }} (1 60 60 60 60)"\n }',
      'a.example.com.dc1.example.com.',
      'A',
      {
        rcode: 'NXDOMAIN',
        ...none,
        authority: ['dc1.example.com. 60 IN SOA ns.dc1.example.com. h.dc1.example.com. SERIAL 60 60 60 60'],
      },
    ],
    [
      'template IN A example {\n match ^a[.]example[.]$\n answer "{{ .Name }} 60 IN A 10.0.0.1"\n fallthrough\n }\n template IN A example {\n answer "{{ .Name }} 60 IN A 10.0.0.2"\n }',
      'b.example.',
      'A',
      { rcode: 'NOERROR', ...none, answer: ['b.example. 60 IN A 10.0.0.2'] },
    ],
    [
      'template IN A example {\n match ^(a)[.]example[.]$ ^(b)[.]example[.]$\n answer "{{ .Name }} 60 IN TXT {{ index .Match 1 }}"\n }',
      'b.example.',
      'A',
      { rcode: 'NOERROR', ...none, answer: ['b.example. 60 IN TXT "b"'] },
    ],
  ];
  test.each(cases)('%s: %s %s', async (directives, asked, type, expected) => {
    expect(await ask(serve(directives), asked, type)).toEqual(expected);
  });

  test.each([
    ['{{ index .Match 2 }}', 'index out of range: 2'],
    ['{{ parseInt \\"gg\\" 16 8 }}', 'parseInt: "gg" is no number of 8 bits in base 16'],
    ['{{ .Name }}', 'not a record type: nothing'],
  ])('a record that cannot be made of %s is an error', (text, message) => {
    const handler = serve(`template IN A {\n answer "${text}"\n }`);
    expect(() => handler(queryFor('a.example.'))).toThrow(message);
  });

  test('the target of a CNAME is asked for', async () => {
    const directives = 'template IN ANY foogle.com {\n answer "foogle.com 60 IN CNAME google.com"\n }';
    const found = serve(directives, (query) => addressReply(query));
    expect((await ask(found, 'foogle.com.')).answer).toEqual([
      'foogle.com. 60 IN CNAME google.com.',
      'google.com. 60 IN A 192.0.2.1',
    ]);
    expect((await ask(found, 'foogle.com.', 'TXT')).answer).toHaveLength(1);
    expect((await ask(serve(directives), 'foogle.com.')).answer).toHaveLength(1);
  });

  test('an extended error', async () => {
    const reply = await serve('template ANY ANY invalid {\n rcode NXDOMAIN\n ederror 21 "Blocked"\n }')(
      queryFor('a.invalid.'),
    );
    expect(reply.options).toEqual([{ code: 15, data: Buffer.from('\0\x15Blocked', 'latin1') }]);
  });
});

describe('directives', () => {
  test.each([
    'template',
    'template X',
    'template ANY',
    'template ANY X',
    'template ANY ANY {\n notavailable\n }',
    'template ANY ANY {\n answer\n }',
    'template ANY ANY {\n additional\n }',
    'template ANY ANY {\n rcode\n }',
    'template ANY ANY {\n rcode UNDEFINED\n }',
    'template ANY ANY {\n answer "{{"\n }',
    'template ANY ANY {\n authority "{{"\n }',
    'template ANY ANY {\n answer "{{ notAFunction }}"\n }',
    'template ANY ANY {\n match\n }',
    'template ANY ANY {\n match (\n }',
    'template ANY ANY {\n ederror\n }',
    'template ANY ANY {\n ederror x\n }',
  ])('%s is an error with its line', (directive) => {
    expect(() => serve(directive)).toThrow(/^plugin\/template: Corefile:[23] - Error during parsing: /);
  });
});

test.each([
  ['{{ if eq .Type "A" }}a{{ else if eq .Type "MX" }}m{{ else }}other{{ end }}', 'm'],
  ['{{ if not .Empty }}none{{ end }}', 'none'],
  ['a {{- .Type -}} b', 'aMXb'],
  ['{{ .Type | printf "%s-%d" "x" }}', 'x-MX'],
  ['{{ printf "%02x" (parseInt "10" 10 8) }}', '0a'],
  ['{{/* nothing */}}{{ len .List }}{{ index .List 0 }}', '2one'],
  ['{{ .Map.key }}{{ index .Map "key" }}', 'valuevalue'],
  ['{{ or .Empty "b" }}{{ and .Type "c" }}', 'bc'],
])('%s is written %s', (text, expected) => {
  const data = { Type: 'MX', Empty: '', List: ['one', 'two'], Map: { key: 'value' } };
  expect(compileTemplate(text)(data)).toBe(expected);
});

test.each(['{{ if .A }}', '{{ end }}', '{{ .A }', '{{ (.A }}', '{{ .A ) }}'])('%s is an error', (text) => {
  expect(() => compileTemplate(text)).toThrow();
});
