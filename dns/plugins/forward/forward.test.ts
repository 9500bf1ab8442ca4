import { afterEach, describe, expect, test } from 'vitest';
import { ask } from '../../testing/ask.ts';
import { externalName, namespace } from '../../testing/objects.ts';
import { chainOf, instanceOf } from '../../testing/plugin.ts';
import { addressReply, startUpstream, type TestUpstream } from '../../testing/upstream.ts';
import { encodeReply } from '../../wire/encode.ts';
import { emptyReply, type Query, Rcode } from '../../wire/message.ts';

const open: TestUpstream[] = [];
afterEach(() => {
  for (const upstream of open.splice(0)) upstream.close();
});

async function upstream(answer: Parameters<typeof startUpstream>[0]): Promise<TestUpstream> {
  const started = await startUpstream(answer);
  open.push(started);
  return started;
}

const forwardTo = (ports: number[], options = '') =>
  chainOf(`. {\n forward . ${ports.map((port) => `127.0.0.1:${port}`).join(' ')} {\n  ${options}\n }\n}`);

describe('forward', () => {
  test('asks over the protocol of the client and gives back what it hears', async () => {
    const server = await upstream((query) => addressReply(query));
    const handler = forwardTo([server.port]);
    expect((await ask(handler, 'WWW.example.org.')).answer).toEqual(['WWW.example.org. 60 IN A 192.0.2.1']);
    expect((await ask(handler, 'example.org.', 'A', { protocol: 'tcp' })).rcode).toBe('NOERROR');
    expect(server.asked.map(({ protocol }) => protocol)).toEqual(['udp', 'tcp']);
    expect(server.asked.every(({ recursionDesired }) => recursionDesired)).toBe(true);
  });

  test('many at a time, each gets its own answer', async () => {
    const server = await upstream((query) => addressReply(query, `10.0.${query.name.split('.')[0]}`));
    const handler = forwardTo([server.port]);
    const names = Array.from({ length: 200 }, (_, i) => `${Math.floor(i / 100)}-${i % 100}.`);
    const replies = await Promise.all(names.map((name) => ask(handler, name)));
    expect(replies.map(({ answer }) => answer[0]?.split(' ')[0])).toEqual(names);
    expect(new Set(server.asked.map(({ id }) => id)).size).toBeGreaterThan(150);
  });

  test('replies with another id, another question or no sense are not believed', async () => {
    const other = (query: Query, change: Partial<Query>) => ({ ...query, ...change });
    const server = await upstream((query) => [
      encodeReply(other(query, { id: query.id ^ 1 }), addressReply(query, '6.6.6.6')),
      encodeReply(other(query, { name: 'evil.org.' }), addressReply(query, '6.6.6.6')),
      encodeReply(other(query, { type: 'AAAA' }), addressReply(query, '6.6.6.6')),
      Buffer.alloc(3),
      encodeReply(query, addressReply(query)),
    ]);
    expect((await ask(forwardTo([server.port]), 'example.org.')).answer).toEqual([
      'example.org. 60 IN A 192.0.2.1',
    ]);
  });

  test('the next upstream is asked when one is silent or gone', async () => {
    const silent = await upstream(() => undefined);
    const good = await upstream((query) => addressReply(query));
    const handler = forwardTo([silent.port, good.port], 'policy sequential\n read_timeout 20ms');
    expect((await ask(handler, 'example.org.')).rcode).toBe('NOERROR');
    const gone = await startUpstream(() => undefined);
    gone.close();
    const second = forwardTo([gone.port, good.port], 'policy sequential');
    expect((await ask(second, 'example.org.')).rcode).toBe('NOERROR');
  });

  test('an upstream that is down is left out until it answers a probe', async () => {
    let alive = false;
    const flaky = await upstream((query) => (alive ? addressReply(query, '192.0.2.7') : undefined));
    const good = await upstream((query) => addressReply(query));
    const handler = forwardTo(
      [flaky.port, good.port],
      'policy sequential\n max_fails 1\n health_check 10ms domain probe.test\n read_timeout 10ms',
    );
    const probes = () => flaky.asked.filter(({ lower }) => lower === 'probe.test.').length;
    await ask(handler, 'example.org.');
    await expect.poll(probes, { timeout: 10_000 }).toBeGreaterThan(1);
    const before = flaky.asked.length - probes();
    await ask(handler, 'example.org.');
    expect(before).toBe(1);
    alive = true;
    await expect
      .poll(async () => (await ask(handler, 'example.org.')).answer[0], { timeout: 10_000 })
      .toBe('example.org. 60 IN A 192.0.2.7');
  });

  test('no answer from anybody is an error, which the server turns into SERVFAIL', async () => {
    const silent = await upstream(() => undefined);
    const handler = forwardTo([silent.port], 'read_timeout 10ms');
    await expect(ask(handler, 'example.org.')).rejects.toThrow(`127.0.0.1:${silent.port}: i/o timeout`);
  });

  test('prefer_udp comes again over TCP for a truncated reply, force_tcp never uses UDP', async () => {
    const server = await upstream((query) =>
      query.protocol === 'udp' ? { ...emptyReply(0), truncated: true } : addressReply(query),
    );
    expect((await ask(forwardTo([server.port], 'prefer_udp'), 'example.org.')).answer).toHaveLength(1);
    expect((await ask(forwardTo([server.port], 'force_tcp'), 'example.org.')).answer).toHaveLength(1);
    expect(server.asked.map(({ protocol }) => protocol)).toEqual(['udp', 'tcp', 'tcp']);
    const plain = await forwardTo([server.port])({ ...(server.asked[0] as Query), protocol: 'udp' });
    expect(plain.truncated).toBe(true);
  });

  test('except, failover and max_concurrent', async () => {
    const bad = await upstream(() => emptyReply(Rcode.SERVFAIL));
    const good = await upstream((query) => addressReply(query));
    const failover = forwardTo([bad.port, good.port], 'policy sequential\n failover SERVFAIL');
    expect((await ask(failover, 'example.org.')).rcode).toBe('NOERROR');
    const handler = forwardTo([good.port], 'except example.org\n max_concurrent 1');
    await expect((async () => ask(handler, 'www.example.org.'))()).rejects.toThrow('no next plugin found');
    const replies = await Promise.all([ask(handler, 'a.test.'), ask(handler, 'b.test.')]);
    expect(replies.map(({ rcode }) => rcode)).toEqual(['NOERROR', 'REFUSED']);
  });

  test('round_robin takes turns', async () => {
    const servers = await Promise.all(
      [1, 2].map((i) => upstream((query) => addressReply(query, `192.0.2.${i}`))),
    );
    const handler = forwardTo(
      servers.map(({ port }) => port),
      'policy round_robin',
    );
    for (let i = 0; i < 4; i++) await ask(handler, 'example.org.');
    expect(servers.map(({ asked }) => asked.length)).toEqual([2, 2]);
  });
});

test('the target of an ExternalName is asked for through the whole server', async () => {
  const server = await upstream((query) => ({ ...addressReply(query, '1.2.3.4', 5), truncated: true }));
  const { listeners } = instanceOf(`. {\n kubernetes cluster.local\n forward . 127.0.0.1:${server.port}\n}`, {
    objects: [namespace('testns'), externalName('testns/external', 'ext.interwebs.test')],
  });
  const handler = listeners.get(':53')?.zones.get('.');
  if (!handler) throw new Error('no chain');
  const name = 'external.testns.svc.cluster.local.';
  expect(await ask(handler, name)).toEqual({
    rcode: 'NOERROR',
    answer: ['ext.interwebs.test. 5 IN A 1.2.3.4', `${name} 5 IN CNAME ext.interwebs.test.`],
    authority: [],
    additional: [],
  });
  const reply = await handler({ ...(server.asked[0] as Query), name, lower: name });
  expect(reply.answers.map(({ type }) => type)).toEqual(['CNAME', 'A']);
  expect(reply.truncated).toBe(true);
});
