import { describe, expect, test } from 'vitest';
import { queryFor, told } from '../../testing/ask.ts';
import { setUp } from '../../testing/plugin.ts';
import { emptyReply } from '../../wire/message.ts';
import { acl } from './plugin.ts';

/** The facts of upstream's plugin/acl/*_test.go. */

/** What becomes of a question: `allowed`, or what the plugin does with it. */
async function outcome(directives: string, name: string, address: string, type: string): Promise<string> {
  const handler = setUp(acl, directives, { zones: ['example.org.'] }).before(() => emptyReply(3));
  const reply = await handler(queryFor(name, type, { client: { address, port: 1 } }));
  if (reply.dropped) return 'dropped';
  const [code] = reply.options ?? [];
  if (!code) return told(reply).rcode === 'NXDOMAIN' ? 'allowed' : 'answered';
  return `${told(reply).rcode} ${code.data.readUInt16BE(0)}`;
}

const refused = 'REFUSED 15';
const filtered = 'NOERROR 17';

describe('questions', () => {
  test.each([
    ['block type A net 192.168.0.0/16', '192.168.0.2', 'A', refused],
    ['block type A net 192.168.0.0/16', '192.167.0.2', 'A', 'allowed'],
    ['block type * net 192.168.0.0/16', '192.168.0.2', 'AAAA', refused],
    ['block type A', '10.1.0.2', 'A', refused],
    ['block type A', '10.1.0.2', 'AAAA', 'allowed'],
    ['block type A net 192.168.1.2', '192.168.1.2', 'A', refused],
    ['block type A net 192.168.1.2', '192.168.1.3', 'A', 'allowed'],
    ['block type A net 192.168.1.2', '::ffff:192.168.1.2', 'A', refused],
    ['filter type A net 192.168.0.0/16', '192.168.0.2', 'A', filtered],
    ['filter type A net 192.168.0.0/16', '192.167.0.2', 'A', 'allowed'],
    ['allow net 192.168.0.0/16\n block', '192.168.0.2', 'A', 'allowed'],
    ['allow type * net 192.168.0.0/16\n block', '10.1.0.2', 'A', refused],
    ['drop net 192.168.0.0/16', '192.168.0.2', 'A', 'dropped'],
    ['block net 192.168.1.0/24\n drop net 192.168.0.0/16', '192.168.1.2', 'A', refused],
    ['drop net 192.168.0.0/16\n block net 192.168.1.0/24', '192.168.1.1', 'A', 'dropped'],
    ['drop type A\n allow net 192.168.0.0/16', '192.168.1.1', 'A', 'dropped'],
    ['drop type A\n allow net 192.168.0.0/16', '192.168.1.1', 'AAAA', 'allowed'],
    ['block net 192.168.1.0/24 192.168.3.0/24', '192.168.3.9', 'A', refused],
    ['block type TXT ANY net *', '10.0.0.1', 'ANY', refused],
    ['block type A net 2001:db8:abcd:0012::0/64', '2001:db8:abcd:0013::0', 'A', 'allowed'],
    ['block type A net 2001:db8:abcd:0012::0/64', '2001:db8:abcd:12::7', 'A', refused],
    ['block type A net 2001:db8:85a3::8a2e:370:7334', '2001:0db8:85a3::8a2e:0370:7334', 'A', refused],
    ['block type A net 2001:db8:85a3::8a2e:370:7334', '2001:db8:85a3::8a2e:370:7335', 'A', 'allowed'],
    ['block net fe80::/10', 'fe80::1%eth0', 'A', refused],
  ])('%s: %s asks for %s', async (policies, address, type, expected) => {
    expect(await outcome(`acl {\n ${policies}\n }`, 'www.example.org.', address, type)).toBe(expected);
  });

  const two =
    'acl a.example.org {\n block net 192.168.1.0/24\n }\n acl b.example.org {\n block net 192.168.2.0/24\n }';
  test.each([
    ['acl a.example.org {\n block\n }', 'a.example.org.', refused],
    ['acl a.example.org {\n block\n }', 'www.example.org.', 'allowed'],
    ['acl {\n block\n }', 'a.example.com.', 'allowed'],
    [two, 'b.example.org.', refused],
    [two, 'a.example.org.', 'allowed'],
    ['acl {\n allow\n }\n acl {\n block\n }', 'a.example.org.', 'allowed'],
  ])('%s: %s', async (directives, name, expected) => {
    expect(await outcome(directives, name, '192.168.2.2', 'A')).toBe(expected);
  });
});

test.each([
  ['block A net 192.168.0.0/16', `unexpected token "A"; expect 'type | net'`],
  ['block type net 192.168.0.0/16', 'no token specified in "type" section'],
  ['block net', 'no token specified in "net" section'],
  ['block type ABC net 192.168.0.0/16', 'unexpected token "ABC"; expect legal QTYPE'],
  ['blck type A net 192.168.0.0/16', `unexpected token "blck"; expect 'allow', 'block', 'filter' or 'drop'`],
  ['block type A net 192.168.0/16', 'illegal CIDR notation "192.168.0/16"'],
  ['block type A net 192.168.0.0/33', 'illegal CIDR notation "192.168.0.0/33"'],
  ['block type A net 2001:db8::/129', 'illegal CIDR notation "2001:db8::/129"'],
  ['block type A net 192.168.0.0/', 'illegal CIDR notation "192.168.0.0/"'],
])('%s is an error', (policy, message) => {
  expect(() => setUp(acl, `acl {\n ${policy}\n }`)).toThrow(
    `plugin/acl: Corefile:3 - Error during parsing: ${message}`,
  );
});
