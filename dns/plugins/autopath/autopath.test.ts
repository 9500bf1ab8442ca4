import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ask, queryFor } from '../../testing/ask.ts';
import { namespace, pod, service } from '../../testing/objects.ts';
import { instanceOf, setUp } from '../../testing/plugin.ts';
import { addressReply } from '../../testing/upstream.ts';
import { emptyReply, Rcode } from '../../wire/message.ts';
import { autopath } from './plugin.ts';

/** The facts of upstream's plugin/autopath/*_test.go. */

const folder = mkdtempSync(join(tmpdir(), 'v9s-autopath-'));
afterAll(() => rmSync(folder, { recursive: true }));
const resolvConf = join(folder, 'resolv.conf');
writeFileSync(
  resolvConf,
  'nameserver 1.2.3.4\ndomain foo.com\nsearch example.org Example.com com\noptions ndots:5\n',
);

describe('with a resolv.conf', () => {
  const known: Record<string, number> = { 'b.example.org.': 3, 'b.com.': 0, 'a.example.com.': 0, 'd.': 0 };
  const asked: string[] = [];
  const handler = setUp(autopath, `autopath ${resolvConf}`).before((query) => {
    asked.push(query.name);
    const rcode = known[query.name] ?? (query.name.startsWith('c.') ? Rcode.SERVFAIL : Rcode.NXDOMAIN);
    return rcode === 0 ? addressReply(query) : emptyReply(rcode);
  });

  test('the first zone that has the name gives the answer, under a CNAME', async () => {
    const reply = await handler(queryFor('b.example.org.'));
    expect(reply.answers).toMatchObject([
      { name: 'b.example.org.', type: 'CNAME', data: 'b.com.', ttl: 60 },
      { name: 'b.com.', type: 'A' },
    ]);
    expect(asked.splice(0)).toEqual(['b.example.org.', 'b.example.com.', 'b.com.']);
  });

  test('the bare name is the last that is tried', async () => {
    expect((await ask(handler, 'd.example.org.')).answer[0]).toBe('d. 60 IN A 192.0.2.1');
    expect(asked.splice(0).at(-1)).toBe('d.');
  });

  test('a name of another zone is not searched for', async () => {
    expect((await ask(handler, 'a.example.com.')).answer).toEqual(['a.example.com. 60 IN A 192.0.2.1']);
    expect(asked.splice(0)).toEqual(['a.example.com.']);
  });

  test('without any answer the first denial is the reply', async () => {
    expect((await ask(handler, 'x.example.org.')).rcode).toBe('NXDOMAIN');
    expect((await ask(handler, 'c.example.org.')).rcode).toBe('SERVFAIL');
  });
});

test('@kubernetes: the path of the pod that asks', async () => {
  const objects = [
    ...['ns', 'other'].map(namespace),
    pod('ns/web', '10.1.0.1'),
    pod('other/web', '10.1.0.2'),
    service('ns/db', ['10.0.0.1']),
    service('other/mail', ['10.0.0.2']),
  ];
  const { listeners, start } = instanceOf(
    `. {\n autopath @kubernetes\n kubernetes cluster.local {\n  pods verified\n }\n hosts {\n 9.9.9.9 example.net\n fallthrough cluster.local\n }\n}`,
    { objects },
  );
  await start();
  const handler = listeners.get(':53')?.zones.get('.');
  if (!handler) throw new Error('no chain');
  const from = (address: string) => ({ client: { address, port: 1 } });
  const name = 'mail.other.ns.svc.cluster.local.';
  expect((await ask(handler, name, 'A', from('10.1.0.1'))).answer).toEqual([
    'mail.other.ns.svc.cluster.local. 5 IN CNAME mail.other.svc.cluster.local.',
    'mail.other.svc.cluster.local. 5 IN A 10.0.0.2',
  ]);
  expect((await ask(handler, 'db.ns.svc.cluster.local.', 'A', from('10.1.0.1'))).answer).toHaveLength(1);
  const outside = 'example.net.ns.svc.cluster.local.';
  expect((await ask(handler, outside, 'A', from('::ffff:10.1.0.1'))).answer).toEqual([
    'example.net. 3600 IN A 9.9.9.9',
    'example.net.ns.svc.cluster.local. 3600 IN CNAME example.net.',
  ]);
  // Somebody else's path is another one; who is no pod has none.
  expect((await ask(handler, outside, 'A', from('10.1.0.2'))).rcode).toBe('NXDOMAIN');
  expect((await ask(handler, name, 'A', from('10.9.9.9'))).rcode).toBe('NXDOMAIN');
});

test('a plugin that has no search path is an error when the server starts', async () => {
  const { start } = instanceOf('. {\n autopath @whoami\n whoami\n}');
  await expect(start()).rejects.toThrow('plugin "whoami" has no search path for autopath here');
});

test.each([
  ['autopath', 'no resolv-conf specified'],
  ['autopath kubernetes', 'failed to parse "kubernetes": ENOENT'],
])('%s is an error', (directive, message) => {
  expect(() => setUp(autopath, directive)).toThrow(
    `plugin/autopath: Corefile:2 - Error during parsing: ${message}`,
  );
});
