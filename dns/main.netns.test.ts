import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decode, encode } from 'dns-packet';
import { afterEach, describe, expect, test } from 'vitest';
import { type Dns, type DnsConfig, startDns } from './main.ts';
import { createTestLog, queryFor } from './testing/ask.ts';
import { askPort } from './testing/client.ts';
import { namespace, service, slice, upstreamCluster } from './testing/objects.ts';
import { startUpstream } from './testing/upstream.ts';
import { encodeQuery } from './wire/encode.ts';

const run = promisify(execFile);
const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(corefileText: string, config: DnsConfig = {}): Promise<Dns & { log: string[] }> {
  const end = new AbortController();
  const log = createTestLog();
  const dns = await startDns(
    { corefileText, objects: upstreamCluster, log, ...config },
    { signal: end.signal },
  );
  ends.push(async () => {
    end.abort();
    await dns.ended;
  });
  return Object.assign(dns, { log: log.lines });
}

const portOf = (ports: ReadonlyMap<string, number>, key = ':0') => ports.get(key) ?? 0;
const kubernetes = '.:0 {\n errors\n kubernetes cluster.local\n}\n';
const svc1 = 'svc1.testns.svc.cluster.local';

async function dig(port: number, ...args: string[]): Promise<string[]> {
  const { stdout } = await run('dig', ['-p', String(port), '+short', '+tries=1', '+time=5', ...args]);
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';'));
}

/** Sends packets over UDP and gives the first reply. */
async function exchange(port: number, ...packets: Buffer[]): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    const reply = new Promise<Buffer>((resolve) => socket.once('message', resolve));
    for (const packet of packets) socket.send(packet, port, '127.0.0.1');
    return await reply;
  } finally {
    socket.close();
  }
}

const queryPacket = (name: string, id = 1) =>
  encode({ type: 'query', id, flags: 256, questions: [{ type: 'A', name }] });

describe('dig', () => {
  const hasIpv6 = networkInterfaces().lo?.some(({ address }) => address === '::1');
  if (!hasIpv6) console.warn('not asked over IPv6: this machine has no ::1');
  const ways = [
    ['@127.0.0.1'],
    ['@::1'],
    ['@127.0.0.1', '+tcp'],
    ['@127.0.0.1', '+noedns'],
    ['@::1', '+tcp'],
  ];
  test.each(ways.filter(([server]) => hasIpv6 || server !== '@::1'))(
    'gets the address from %s %s',
    async (...how) => {
      const dns = await start(kubernetes);
      expect(await dig(portOf(dns.ports), ...how, svc1, 'A')).toEqual(['10.0.0.1']);
    },
  );

  test('a headless Service of a thousand endpoints comes over TCP', async () => {
    const ips = Array.from({ length: 1_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
    const objects = [
      namespace('ns'),
      service('ns/many', ['None'], { http: 80 }),
      ...Array.from({ length: 10 }, (_, i) =>
        slice(`many-${i}`, 'ns/many', ips.slice(i * 100, i * 100 + 100), { http: 80 }),
      ),
    ];
    const dns = await start(kubernetes, { objects });
    const found = await dig(portOf(dns.ports), '@127.0.0.1', 'many.ns.svc.cluster.local', 'A');
    expect(found.sort()).toEqual([...ips].sort());
    expect(
      await dig(portOf(dns.ports), '@127.0.0.1', '_http._tcp.many.ns.svc.cluster.local', 'SRV'),
    ).not.toEqual([]);
  });
});

describe('hostile packets', () => {
  test('nonsense is refused or dropped, and the next question is answered', async () => {
    const dns = await start(kubernetes);
    const port = portOf(dns.ports);
    const broken = queryPacket(svc1, 77);
    broken.writeUInt8(63, 12);
    expect(decode(await exchange(port, Buffer.alloc(5), broken))).toMatchObject({
      id: 77,
      type: 'response',
      rcode: 'FORMERR',
    });
    const update = queryPacket(svc1, 78);
    update.writeUInt8(5 << 3, 2);
    expect(decode(await exchange(port, update))).toMatchObject({ id: 78, rcode: 'NOTIMP' });
    expect(decode(await exchange(port, queryPacket(svc1, 79)))).toMatchObject({ id: 79, rcode: 'NOERROR' });
  });

  test('another class is refused, as is a zone that is not served here', async () => {
    const dns = await start('example.org:0 {\n whoami\n}');
    const port = portOf(dns.ports);
    expect(decode(await exchange(port, queryPacket('example.net')))).toMatchObject({ rcode: 'REFUSED' });
    const chaos = queryPacket('example.org');
    chaos.writeUInt8(3, chaos.length - 1);
    expect(decode(await exchange(port, chaos))).toMatchObject({ rcode: 'REFUSED' });
  });
});

test('a TCP client may ask many questions at once, in pieces', async () => {
  const dns = await start(kubernetes);
  const socket = connect(portOf(dns.ports), '127.0.0.1');
  const stream = Buffer.concat(
    Array.from({ length: 300 }, (_, id) => {
      const packet = queryPacket(svc1, id);
      return Buffer.concat([Buffer.from([packet.length >> 8, packet.length & 255]), packet]);
    }),
  );
  const ids: number[] = [];
  let rest: Buffer = Buffer.alloc(0);
  const all = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length > 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        ids.push(rest.readUInt16BE(2));
        rest = rest.subarray(2 + rest.readUInt16BE(0));
      }
      if (ids.length === 300) resolve();
    });
  });
  for (let at = 0; at < stream.length; at += 1_001) socket.write(stream.subarray(at, at + 1_001));
  await all;
  expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i));
  socket.destroy();
});

describe('pages', () => {
  const page = async (dns: Dns, address: string, path: string) => {
    const response = await fetch(`http://127.0.0.1:${dns.httpPorts.get(address)}${path}`);
    return [response.status, await response.text()] as const;
  };

  test('health, ready and metrics', async () => {
    const dns = await start(
      '.:0 {\n health 127.0.0.1:0\n ready localhost:0\n prometheus 127.0.0.2:0\n kubernetes cluster.local\n}',
    );
    expect(await page(dns, '127.0.0.1:0', '/health')).toEqual([200, 'OK']);
    expect(await page(dns, 'localhost:0', '/ready')).toEqual([200, 'OK']);
    await dig(portOf(dns.ports), '@127.0.0.1', svc1);
    const metrics = await (
      await fetch(`http://127.0.0.2:${dns.httpPorts.get('127.0.0.2:0')}/metrics`)
    ).text();
    expect(metrics).toMatch(/^coredns_dns_requests_total\{.*proto="udp".*type="A".*\} 1$/m);
    expect(metrics).toMatch(/^coredns_dns_responses_total\{.*rcode="NOERROR".*\} 1$/m);
    expect(metrics).toMatch(/^coredns_dns_request_duration_seconds_count\{.*\} 1$/m);
    expect(metrics).toMatch(/^coredns_plugin_enabled\{name="kubernetes".*\} 1$/m);
  });

  test('an API that is not there: not ready, and SERVFAIL rather than NXDOMAIN', async () => {
    const dns = await start(
      '.:0 {\n errors\n ready 127.0.0.1:0\n kubernetes cluster.local {\n  endpoint http://127.0.0.1:1\n  startup_timeout 10ms\n }\n}',
      { objects: undefined },
    );
    expect(await page(dns, '127.0.0.1:0', '/ready')).toEqual([503, 'kubernetes']);
    expect(decode(await exchange(portOf(dns.ports), queryPacket(svc1)))).toMatchObject({ rcode: 'SERVFAIL' });
    expect(dns.log).toContain('[WARNING] plugin/kubernetes: starting server with unsynced Kubernetes API');
  });
});

describe('reload', () => {
  test('a changed Corefile takes over on the same sockets; a wrong one changes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'v9s-dns-'));
    ends.push(() => rmSync(folder, { recursive: true }));
    const corefile = join(folder, 'Corefile');
    const write = (ttl: string) =>
      writeFileSync(corefile, `.:0 {\n reload 2s 0s\n kubernetes cluster.local {\n  ttl ${ttl}\n }\n}`);
    write('7');
    const dns = await start('', { corefile });
    const ttl = async () => {
      const [answer] = decode(await exchange(portOf(dns.ports), queryPacket(svc1))).answers ?? [];
      return answer && 'ttl' in answer ? answer.ttl : undefined;
    };
    const port = portOf(dns.ports);
    expect(await ttl()).toBe(7);
    write('9');
    await dns.reload();
    expect(await ttl()).toBe(9);
    expect(portOf(dns.ports)).toBe(port);
    write('many');
    await expect(dns.reload()).rejects.toThrow(
      `${corefile}:4 - Error during parsing: ttl must be a number of seconds: many`,
    );
    expect(await ttl()).toBe(9);
    write('11'); // and now by itself
    await expect.poll(ttl, { timeout: 15_000 }).toBe(11);
    expect(dns.log).toContain('[INFO] Reloading complete');
  }, 20_000);
});

test('a changed file that the Corefile imports is a changed Corefile', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'v9s-dns-'));
  ends.push(() => rmSync(folder, { recursive: true }));
  const corefile = join(folder, 'Corefile');
  const hosts = (address: string) =>
    writeFileSync(join(folder, 'imported'), `hosts {\n ${address} example.org\n}\n`);
  hosts('10.0.0.1');
  writeFileSync(corefile, '.:0 {\n reload 2s 0s\n import imp*ed\n}');
  const dns = await start('', { corefile });
  const address = async () => (await askPort(portOf(dns.ports), 'example.org')).answers[0];
  expect(await address()).toBe('10.0.0.1');
  hosts('10.0.0.2');
  await expect.poll(address, { timeout: 15_000 }).toBe('10.0.0.2');
}, 20_000);

test('EDNS: what the client can take is what it gets, and 512 bytes at least', async () => {
  const ips = Array.from({ length: 60 }, (_, i) => `10.1.0.${i}`);
  const objects = [namespace('ns'), service('ns/many', ['None']), slice('many-1', 'ns/many', ips)];
  const dns = await start(kubernetes, { objects });
  const name = 'many.ns.svc.cluster.local';
  const sizeFor = async (udpPayloadSize?: number) => {
    const edns = udpPayloadSize && { version: 0, udpSize: udpPayloadSize, dnssecOk: false, options: [] };
    const packet = encodeQuery(5, queryFor(`${name}.`, 'A', edns ? { edns } : {}));
    // Written as asked, where our own writer would not ask for less than 512.
    if (udpPayloadSize) packet.writeUInt16BE(udpPayloadSize, packet.length - 8);
    const reply = await exchange(portOf(dns.ports), packet);
    const { flag_tc: truncated, answers, additionals } = decode(reply);
    return { bytes: reply.length, truncated, answers: answers?.length, opts: additionals?.length };
  };
  const plain = await sizeFor();
  expect(plain).toMatchObject({ truncated: true, opts: 0 });
  expect(plain.bytes).toBeLessThanOrEqual(512);
  expect(await sizeFor(100)).toMatchObject({ truncated: true, opts: 1 });
  expect((await sizeFor(100)).bytes).toBeGreaterThan(400);
  expect((await sizeFor(1232)).bytes).toBeLessThanOrEqual(1232);
  expect(await sizeFor(1232)).toMatchObject({ truncated: false, answers: 60, opts: 1 });
});

test('a cookie of any length comes back as it was sent, as upstream has it', async () => {
  const dns = await start(kubernetes);
  for (const length of [0, 4, 8, 24, 41]) {
    const data = Buffer.alloc(length, 7);
    const edns = { version: 0, udpSize: 1232, dnssecOk: false, options: [{ code: 10, data }] };
    // Written by hand: our own writer passes no cookies on.
    const plain = encodeQuery(5, queryFor(`${svc1}.`, 'A', { edns: { ...edns, options: [] } }));
    plain.writeUInt16BE(4 + length, plain.length - 2);
    const cookie = Buffer.concat([Buffer.from([0, 10, 0, length]), data]);
    const [opt] = decode(await exchange(portOf(dns.ports), Buffer.concat([plain, cookie]))).additionals ?? [];
    expect(opt).toMatchObject({ type: 'OPT', options: [{ code: 10, data }] });
  }
});

test('a dropped question has no reply over UDP nor TCP, and the next one has', async () => {
  const dns = await start('.:0 {\n acl {\n  drop type TXT\n }\n kubernetes cluster.local\n}');
  const port = portOf(dns.ports);
  const dropped = encode({ type: 'query', id: 8, questions: [{ type: 'TXT', name: svc1 }] });
  expect(decode(await exchange(port, dropped, queryPacket(svc1, 9)))).toMatchObject({ id: 9 });
  const framed = [dropped, queryPacket(svc1, 10)].flatMap((packet) => [
    Buffer.from([0, packet.length]),
    packet,
  ]);
  const socket = connect(port, '127.0.0.1');
  ends.push(() => void socket.destroy());
  const reply = await new Promise<Buffer>((resolve) => {
    socket.once('data', resolve);
    socket.write(Buffer.concat(framed));
  });
  expect(decode(reply.subarray(2))).toMatchObject({ id: 10, rcode: 'NOERROR' });
});

test('log, errors and loop tell what they saw', async () => {
  const dns = await start('.:0 {\n errors\n log\n kubernetes cluster.local\n}');
  await exchange(portOf(dns.ports), queryPacket(svc1, 42));
  await exchange(portOf(dns.ports), queryPacket('example.org', 43));
  expect(dns.log[0]).toMatch(
    /^\[INFO\] 127\.0\.0\.1:\d+ - 42 "A IN svc1\.testns\.svc\.cluster\.local\. udp 47 false 512" NOERROR qr,aa,rd 92 0\.\d{9}s$/,
  );
  expect(dns.log.slice(1)).toEqual([
    expect.stringMatching(/^\[INFO\] 127\.0\.0\.1:\d+ - 43 .* SERVFAIL qr,rd 29 /),
    '[ERROR] plugin/errors: 2 example.org. A: no next plugin found',
  ]);
});

test('a server that forwards to itself ends with an error', async () => {
  const relay = await startUpstream(() => undefined); // only to find a port that is free
  const { port } = relay;
  relay.close();
  const dns = await startDns(
    { corefileText: `.:${port} {\n loop\n forward . 127.0.0.1:${port}\n}`, log: createTestLog() },
    { signal: new AbortController().signal },
  );
  await expect(dns.ended).rejects.toThrow(/plugin\/loop: Loop .* detected for zone "\."/);
});

test('a port that is taken is an error, and nothing stays open', async () => {
  const dns = await start(kubernetes);
  const port = portOf(dns.ports);
  await expect(
    startDns(
      { corefileText: `.:${port} {\n whoami\n}`, log: createTestLog() },
      { signal: new AbortController().signal },
    ),
  ).rejects.toThrow('EADDRINUSE');
  expect(await dig(port, '@127.0.0.1', svc1)).toEqual(['10.0.0.1']);
});
