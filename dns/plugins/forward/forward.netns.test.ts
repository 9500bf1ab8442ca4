import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { createMetrics } from '../../server/metrics.ts';
import { ask } from '../../testing/ask.ts';
import { externalName, namespace } from '../../testing/objects.ts';
import { chainOf, instanceOf } from '../../testing/plugin.ts';
import { addressReply, startUpstream, type TestUpstream } from '../../testing/upstream.ts';
import { decodeQuery } from '../../wire/decode.ts';
import { encodeReply } from '../../wire/encode.ts';
import { emptyReply, type Query, Rcode } from '../../wire/message.ts';

const open: TestUpstream[] = [];
const ends: (() => void)[] = [];
afterEach(() => {
  for (const upstream of open.splice(0)) upstream.close();
  for (const end of ends.splice(0)) end();
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

  test('each query has a port of its own, and what another port or address says of it is not heard', async () => {
    const upstream = createSocket('udp4');
    const forger = createSocket('udp4');
    ends.push(
      () => upstream.close(),
      () => forger.close(),
    );
    for (const [socket, address] of [
      [upstream, '127.0.0.1'],
      [forger, '127.0.0.2'],
    ] as const) {
      socket.bind(0, address);
      await once(socket, 'listening');
    }
    const ports: number[] = [];
    const ids: number[] = [];
    upstream.on('message', (packet, { port }) => {
      const received = decodeQuery(packet, { address: '127.0.0.1', port }, 'udp');
      if (received === 'drop' || !('query' in received)) throw new Error('no query');
      const { query } = received;
      ports.push(port);
      ids.push(query.id);
      const forged = encodeReply(query, addressReply(query, '6.6.6.6'));
      const wrongId = encodeReply({ ...query, id: query.id ^ 0x101 }, addressReply(query, '6.6.6.6'));
      const wrongName = encodeReply({ ...query, name: 'evil.org.' }, addressReply(query, '6.6.6.6'));
      const right = encodeReply(query, addressReply(query));
      // The forger has guessed everything but the address; the true answer comes last of all.
      forger.send(forged, port, '127.0.0.1', () => {
        for (const one of [wrongId, wrongName, right]) upstream.send(one, port, '127.0.0.1');
      });
    });
    const handler = forwardTo([upstream.address().port]);
    const names = Array.from({ length: 50 }, (_, i) => `n${i}.example.org.`);
    for (const name of names)
      expect((await ask(handler, name)).answer).toEqual([`${name} 60 IN A 192.0.2.1`]);
    expect(new Set(ports).size).toBeGreaterThan(40);
    expect(new Set(ids).size).toBeGreaterThan(45);
    const steps = ids.slice(1).map((id, i) => id - (ids[i] ?? 0));
    expect(new Set(steps).size).toBeGreaterThan(45); // not counted up either
  });

  test('more queries at a time than there are sockets for', async () => {
    const server = await upstream((query) => addressReply(query));
    const handler = forwardTo([server.port]);
    const names = Array.from({ length: 400 }, (_, i) => `n${i}.`);
    const replies = await Promise.all(names.map((name) => ask(handler, name)));
    expect(replies.every(({ answer }) => answer.length === 1)).toBe(true);
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

  test('a query that is lost is sent again, to the only upstream there is', async () => {
    const lossy = await upstream((query, count) => (count === 1 ? undefined : addressReply(query)));
    const handler = forwardTo([lossy.port], 'read_timeout 50ms\n max_fails 0');
    expect((await ask(handler, 'example.org.')).rcode).toBe('NOERROR');
    expect(new Set(lossy.asked.map(({ id }) => id)).size).toBe(2);
  });

  test('an upstream that is down is left out until it answers a probe', async () => {
    let alive = false;
    const flaky = await upstream((query) => (alive ? addressReply(query, '192.0.2.7') : undefined));
    const good = await upstream((query) => addressReply(query));
    const handler = forwardTo(
      [flaky.port, good.port],
      'policy sequential\n max_fails 1\n health_check 10ms domain probe.test\n read_timeout 200ms',
    );
    const probes = () => flaky.asked.filter(({ lower }) => lower === 'probe.test.').length;
    await ask(handler, 'example.org.');
    await expect.poll(probes, { timeout: 10_000 }).toBeGreaterThan(1);
    // Out it is once more than max_fails probes were not answered, of which each has its second.
    const questions = () => flaky.asked.length - probes();
    const askedAgain = async () => {
      const before = questions();
      await ask(handler, 'example.org.');
      return questions() - before;
    };
    await expect.poll(askedAgain, { timeout: 10_000 }).toBe(0);
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

  test('how often is asked: twice each, or as max_connect_attempts says', async () => {
    const silent = await Promise.all([1, 2].map(() => upstream(() => undefined)));
    const ports = silent.map(({ port }) => port);
    const countOf = async (options: string) => {
      for (const { asked } of silent) asked.length = 0;
      await expect(
        ask(forwardTo(ports, `max_fails 0\n read_timeout 5ms\n ${options}`), 'a.'),
      ).rejects.toThrow('i/o timeout');
      return silent.reduce((sum, { asked }) => sum + asked.length, 0);
    };
    expect(await countOf('')).toBe(4);
    expect(await countOf('max_connect_attempts 1')).toBe(1);
    expect(await countOf('max_connect_attempts 3')).toBe(3);
  });

  test('failover ends when all have been asked, with the last reply', async () => {
    const servers = await Promise.all([1, 2, 3].map(() => upstream(() => emptyReply(Rcode.SERVFAIL))));
    const handler = forwardTo(
      servers.map(({ port }) => port),
      'policy sequential\n failover SERVFAIL REFUSED',
    );
    expect((await ask(handler, 'a.')).rcode).toBe('SERVFAIL');
    expect(servers.map(({ asked }) => asked.length)).toEqual([1, 1, 1]);
  });

  test('when all are down a random one is tried, or none with failfast_all_unhealthy_upstreams', async () => {
    const silent = await upstream(() => undefined);
    const options = 'max_fails 1\n health_check 5ms\n read_timeout 5ms\n';
    const queries = () => silent.asked.filter(({ type }) => type === 'A').length;
    const failfast = forwardTo([silent.port], `${options} failfast_all_unhealthy_upstreams`);
    await expect(ask(failfast, 'a.')).rejects.toThrow('i/o timeout');
    const withoutTrying = async () => {
      const before = queries();
      await ask(failfast, 'a.').catch(() => undefined);
      return queries() === before;
    };
    await expect.poll(withoutTrying, { timeout: 10_000 }).toBe(true);
    await expect(ask(failfast, 'a.')).rejects.toThrow('no healthy proxies');
  });

  test('next leaves replies of some rcodes, or without data, to the forward after it', async () => {
    const first = await upstream((query) =>
      emptyReply(query.lower === 'gone.' ? Rcode.NXDOMAIN : Rcode.NOERROR),
    );
    const second = await upstream((query) => addressReply(query));
    const both = (options: string) =>
      chainOf(
        `. {\n forward . 127.0.0.1:${first.port} {\n ${options}\n }\n forward . 127.0.0.1:${second.port}\n}`,
      );
    const ask2 = async (options: string, name: string) => {
      const { rcode, answer } = await ask(both(options), name);
      return `${rcode} ${answer.length}`;
    };
    expect(await ask2('next NXDOMAIN', 'gone.')).toBe('NOERROR 1');
    expect(await ask2('next NXDOMAIN', 'empty.')).toBe('NOERROR 0');
    expect(await ask2('next SERVFAIL', 'gone.')).toBe('NXDOMAIN 0');
    expect(await ask2('next_on_nodata', 'empty.')).toBe('NOERROR 1');
    // Without another forward it says nothing.
    expect((await ask(forwardTo([first.port], 'next NXDOMAIN'), 'gone.')).rcode).toBe('NXDOMAIN');
  });

  test('EDNS options are passed on, but for those between client and server; other classes are, too', async () => {
    const server = await upstream((query) => addressReply(query));
    const handler = forwardTo([server.port], 'source_address 127.0.0.1');
    const options = [8, 10].map((code) => ({ code, data: Buffer.from([0, 1, 0, 0]) }));
    await ask(handler, 'example.org.', 'TXT', {
      edns: { version: 0, udpSize: 1232, dnssecOk: true, options },
      class: 3,
    });
    expect(server.asked[0]).toMatchObject({ class: 3, type: 'TXT', edns: { udpSize: 1232, dnssecOk: true } });
    expect(server.asked[0]?.edns?.options.map(({ code }) => code)).toEqual([8]);
  });

  test('what it does is counted', async () => {
    const metrics = createMetrics();
    const server = await upstream((query) => addressReply(query));
    const silent = await upstream(() => undefined);
    const to = (port: number, options: string) =>
      chainOf(`. {\n forward . 127.0.0.1:${port} {\n ${options}\n }\n}`, [], { metrics });
    const handler = to(server.port, 'max_concurrent 2');
    await Promise.all(['a.', 'b.', 'c.'].map((name) => ask(handler, name)));
    for (const name of ['d.', 'e.']) await ask(handler, name, 'A', { protocol: 'tcp' });
    await ask(to(silent.port, 'read_timeout 5ms\n max_fails 1\n health_check 5ms'), 'a.').catch(
      () => undefined,
    );
    const of = (port: number) => `proxy_name="forward",to="127.0.0.1:${port}"`;
    const text = () => metrics.text().split('\n');
    expect(text()).toEqual(
      expect.arrayContaining([
        'coredns_forward_max_concurrent_rejects_total 1',
        'coredns_forward_healthcheck_broken_total 0',
        `coredns_proxy_request_duration_seconds_count{${of(server.port)},rcode="NOERROR"} 4`,
        `coredns_proxy_conn_cache_misses_total{${of(server.port)},proto="udp"} 2`,
        `coredns_proxy_conn_cache_misses_total{${of(server.port)},proto="tcp"} 1`,
        `coredns_proxy_conn_cache_hits_total{${of(server.port)},proto="tcp"} 1`,
      ]),
    );
    const failed = `coredns_proxy_healthcheck_failures_total{${of(silent.port)}} `;
    await expect.poll(() => text().some((line) => line.startsWith(failed)), { timeout: 10_000 }).toBe(true);
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
