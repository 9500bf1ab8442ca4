import { decode } from 'dns-packet';
import { expect, test } from 'vitest';
import { ask, queryFor } from '../testing/ask.ts';
import { chainOf, instanceOf } from '../testing/plugin.ts';
import { encodeReply } from '../wire/encode.ts';
import { plugins } from './order.ts';

test('any answers ANY with HINFO and lets the rest pass', async () => {
  const handler = chainOf('. {\n any\n whoami\n}');
  const packet = decode(
    encodeReply(queryFor('example.org.', 'ANY'), await handler(queryFor('example.org.', 'ANY'))),
  );
  expect(packet.answers).toMatchObject([
    { type: 'HINFO', ttl: 8482, data: { cpu: 'ANY obsoleted', os: 'See RFC 8482' } },
  ]);
  expect((await ask(handler, 'example.org.')).additional).toHaveLength(2);
});

test('bind says where a block listens', () => {
  const keys = (corefile: string) => [...instanceOf(corefile).listeners.keys()];
  expect(keys('. {\n bind 127.0.0.1 ::1\n whoami\n}')).toEqual(['127.0.0.1:53', '::1:53']);
  expect(keys('. {\n bind 127.0.0.1 127.0.0.2 {\n  except 127.0.0.1\n }\n whoami\n}')).toEqual([
    '127.0.0.2:53',
  ]);
  expect(keys('. {\n bind 127.0.0.1\n}\n. {\n bind 127.0.0.2\n}')).toEqual(['127.0.0.1:53', '127.0.0.2:53']);
  expect(keys('. {\n bind lo\n}')).toContain('127.0.0.1:53');
  expect(() => keys('. {\n bind nowhere0\n}')).toThrow(
    'plugin/bind: Corefile:2 - Error during parsing: not a valid IP address or interface name: "nowhere0"',
  );
});

test('loadbalance mixes addresses and keeps CNAMEs in front', async () => {
  const objects = [
    { kind: 'Namespace', metadata: { name: 'ns' } },
    {
      kind: 'EndpointSlice',
      metadata: { name: 'a-1', namespace: 'ns', labels: { 'kubernetes.io/service-name': 'a' } },
      endpoints: Array.from({ length: 20 }, (_, i) => ({ addresses: [`10.0.0.${i}`] })),
    },
    { kind: 'Service', metadata: { name: 'a', namespace: 'ns' }, spec: { clusterIP: 'None' } },
    {
      kind: 'Service',
      metadata: { name: 'b', namespace: 'ns' },
      spec: { type: 'ExternalName', externalName: 'a.ns.svc.cluster.local' },
    },
  ];
  const handler = chainOf('. {\n loadbalance\n kubernetes cluster.local\n}', objects);
  const orders = new Set<string>();
  for (let i = 0; i < 5; i++) {
    const { answers } = await handler(queryFor('b.ns.svc.cluster.local.'));
    expect(answers[0]?.type).toBe('CNAME');
    const addresses = answers.slice(1).map(({ data }) => String(data));
    expect(new Set(addresses).size).toBe(20);
    orders.add(addresses.join());
  }
  expect(orders.size).toBeGreaterThan(1); // the same order five times: once in 20!^4
});

test('plugins stand in the order of upstream', () => {
  expect(plugins.map(({ name }) => name)).toEqual(
    'metadata reload bind ready health prometheus errors log any loadbalance rewrite autopath acl cache template transfer hosts kubernetes file loop forward whoami'.split(
      ' ',
    ),
  );
});

/** The facts of upstream's setup_test.go of these plugins. */
test.each([
  'any',
  'health',
  'health localhost:1234',
  'health localhost:1234 {\n lameduck 4s\n }',
  'ready',
  'ready localhost:1234',
  'ready {\n monitor until-ready\n }',
  'ready localhost:1234 {\n monitor continuously\n }',
  'reload',
  'reload 10s',
  'reload 10s 2s',
  'reload 2s 0s',
  'prometheus',
  'prometheus localhost:53',
  'prometheus {\n runtime_metrics\n }',
  'bind 1.2.3.4 ::5',
  'loop',
  'whoami',
])('%s', (directive) => {
  instanceOf(`. {\n ${directive}\n}`);
});

test.each([
  'any x',
  'any {\n x\n }',
  'health bla',
  'health bla bla',
  'health localhost:1234 {\n lameduck a\n }',
  'health localhost:1234 {\n lamedudk 4\n }',
  'ready a b',
  'ready bla',
  'ready {\n monitor 404\n }',
  'ready {\n nonsense\n }',
  'reload foo',
  'reload 10s foo',
  'reload 10s 5s foo',
  'reload 1s',
  'reload 0s',
  'reload 3s 0.5s',
  'prometheus /foo',
  'prometheus a b c',
  'prometheus {\n runtime_metrics extra\n }',
  'bind',
  'bind 1.2.3.invalid',
  'bind ::1 1.2.3.4 noone',
  'loop x',
  'whoami x',
])('%s is an error with its line', (directive) => {
  expect(() => instanceOf(`. {\n ${directive}\n}`)).toThrow(
    /^plugin\/[a-z]+: Corefile:[23] - Error during parsing: /,
  );
});
