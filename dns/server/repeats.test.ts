import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import type { Handler } from '../plugin.ts';
import { createFallthrough } from '../plugins/fallthrough.ts';
import { createHandler } from '../plugins/kubernetes/answer.ts';
import { createRecords } from '../plugins/kubernetes/records.ts';
import { loadbalance } from '../plugins/loadbalance/plugin.ts';
import { queryFor, refuse } from '../testing/ask.ts';
import { externalName, namespace, pod, service, slice, upstreamCluster } from '../testing/objects.ts';
import { chainOf, instanceOf, setUp, testSurroundings } from '../testing/plugin.ts';
import { reverseName } from '../wire/addresses.ts';
import { decodeReply } from '../wire/decode.ts';
import { encodeQuery } from '../wire/encode.ts';
import { formatRecord } from '../wire/format.ts';
import { createMark } from './lasting.ts';
import { createRepeats, type Repeats } from './repeats.ts';
import { answerPacket, type Packets } from './server.ts';

const client = { address: '10.240.0.1', port: 40_212 };
const ignore = () => {};
/** What a server without a memory has. */
const none: Repeats = { find: () => undefined, keep: () => undefined };

function one(packets: Packets | Promise<Packets>): Buffer {
  if (!Buffer.isBuffer(packets)) throw new Error('no packet at once');
  return packets;
}

/** The same numbers every time (mulberry32). */
function createRandom(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  return { next, below, pick };
}
type Random = ReturnType<typeof createRandom>;

const namespaces = ['a', 'b'];
const names = ['s0', 's1', 's2', 'many', 'alias', 'nothing'];
const addresses = ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.96.0.1', '10.96.0.2', 'fd00::1', 'fd00::2'];
const lots = Array.from({ length: 60 }, (_, i) => `10.2.0.${i}`);

/** An object that may be there already, in another form, or shall go away. */
function someObject({ below, pick }: Random): KubeObject {
  const ns = pick(namespaces);
  const key = `${ns}/${pick(names.slice(0, 4))}`;
  const some = () => Array.from({ length: below(4) }, () => pick(addresses));
  const ports = pick([{}, { http: 80 }, { http: 80, dns: 53 }]);
  switch (below(9)) {
    case 0:
      return namespace(ns);
    case 1:
      return externalName(
        `${ns}/alias`,
        pick(['s1.a.svc.cluster.local', 'alias.b.svc.cluster.local', 'x.test']),
      );
    case 2:
      return pod(`${ns}/p${below(2)}`, pick(addresses), pick(['Running', 'Succeeded']));
    case 3:
      return service(key, ['None'], ports);
    case 4:
      return service(key, [pick(['10.96.0.1', '10.96.0.2', '10.1.0.1'])], ports);
    case 5:
      return service(
        key,
        key.endsWith('many') ? ['None'] : pick([['None'], ['10.96.0.2', 'fd00::1']]),
        ports,
      );
    case 6:
      return slice(`many-${below(2)}`, `${ns}/many`, lots.slice(below(40)), ports);
    default:
      return slice(
        `x${below(3)}`,
        key,
        some().map((ip) => ({
          addresses: [ip],
          ...pick([{}, { hostname: 'h' }, { conditions: { ready: false } }]),
        })),
        ports,
      );
  }
}

function someName({ below, pick }: Random): string {
  const service = `${pick(names)}.${pick(namespaces)}.svc.cluster.local.`;
  const ip = pick([...addresses, '10.2.0.41']);
  switch (below(7)) {
    case 0:
      return `_http._tcp.${service}`;
    case 1:
      return `${pick(['h', '10-1-0-2', 'fd00--2', 'g'])}.${service}`;
    case 2:
      return `${ip.replaceAll(/[.:]/g, '-')}.${pick(namespaces)}.pod.cluster.local.`;
    case 3:
      return reverseName(ip) ?? '';
    case 4:
      return pick([
        'cluster.local.',
        'svc.cluster.local.',
        'a.svc.cluster.local.',
        'dns-version.cluster.local.',
      ]);
    default:
      return service;
  }
}

function someQuery(random: Random) {
  const { next, below, pick } = random;
  const plain = someName(random);
  const name = next() < 0.2 ? plain.replace(/[a-z]/g, (c) => (next() < 0.5 ? c.toUpperCase() : c)) : plain;
  const type = plain.endsWith('.arpa.')
    ? 'PTR'
    : pick(['A', 'A', 'A', 'AAAA', 'SRV', 'TXT', 'SOA', 'CNAME', 'MX']);
  const query = queryFor(name, type, {
    id: below(65_536),
    recursionDesired: next() < 0.8,
    checkingDisabled: next() < 0.1,
    protocol: pick(['udp', 'udp', 'tcp']),
  });
  if (next() < 0.5)
    query.edns = { version: 0, udpSize: pick([0, 512, 700, 4_096]), dnssecOk: next() < 0.2, options: [] };
  return { query, packet: encodeQuery(query.id, query) };
}

/** What a client reads in a packet, whatever the order of records. */
function read(packet: Buffer) {
  const { answers, authorities, additionals, ...rest } = decodeReply(packet);
  const sections = [answers, authorities, additionals].map((records) => records.map(formatRecord).sort());
  return { ...rest, sections, opt: packet.readUInt16BE(10) - additionals.length, length: packet.length };
}

/** Of a truncated reply it is random which addresses are in it. */
function comparable(packet: Buffer) {
  const all = read(packet);
  return all.truncated ? { ...all, sections: all.sections.map(({ length }) => length) } : all;
}

function createWorld(corefilePods: 'verified' | 'insecure') {
  let time = 1_000_000;
  const records = createRecords(() => (time += 1_000));
  records.markSynced();
  const handler = createHandler({
    records: () => records,
    options: {
      zones: ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.'],
      primaryZone: 'cluster.local.',
      pods: corefilePods,
      endpointPodNames: false,
      ttl: 5,
      namespaces: new Set(),
      noEndpoints: false,
      zonal: false,
      multiclusterZones: [],
      ignoreEmptyService: corefilePods === 'insecure',
      fallthrough: createFallthrough(['in-addr.arpa', 'ip6.arpa']),
      startupTimeout: 0,
    },
    localAddresses: () => ['127.0.0.1'],
    lookup: refuse,
    next: refuse,
    lasting: createMark({ watchers: [], versions: [] }),
  });
  const zones = new Map<string, Handler>([['.', setUp(loadbalance, 'loadbalance').before(handler)]]);
  return { records, zones };
}

describe('with and without the packets of earlier replies a server says the same', () => {
  test.each([
    [1, 'verified'],
    [2, 'insecure'],
  ] as const)('seed %s, pods %s', async (seed, pods) => {
    const random = createRandom(seed);
    const { records, zones } = createWorld(pods);
    const repeats = createRepeats();
    const asked = Array.from({ length: 250 }, () => someQuery(random));
    let repeated = 0;
    for (let step = 0; step < 4_000; step++) {
      if (random.next() < 0.08) {
        const object = someObject(random);
        if (random.next() < 0.6) records.put(object);
        else records.delete(object);
      }
      const { query, packet } = random.pick(asked);
      packet.writeUInt16BE(random.below(65_536));
      const anew = one(await answerPacket({ zones, repeats: none }, packet, client, query.protocol, ignore));
      const known = repeats.find(packet, client, query.protocol);
      if (known) repeated++;
      const again = one(await answerPacket({ zones, repeats }, packet, client, query.protocol, ignore));
      const context = `step ${step}: ${query.name} ${query.type} ${query.protocol}`;
      expect(comparable(again), context).toEqual(comparable(anew));
      if (!known) continue;
      expect(comparable(known), context).toEqual(comparable(anew));
      expect(decodeReply(known).question?.name, context).toBe(query.name);
    }
    expect(repeated).toBeGreaterThan(1_000);
  });
});

describe('a headless Service of a thousand endpoints', () => {
  const ips = Array.from({ length: 1_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
  const { records, zones } = createWorld('insecure');
  const repeats = createRepeats();
  for (const object of [namespace('ns'), service('ns/many', ['None'], { http: 80 })]) records.put(object);
  for (let i = 0; i < 10; i++)
    records.put(slice(`many-${i}`, 'ns/many', ips.slice(i * 100, i * 100 + 100), { http: 80 }));
  const ask = (protocol: 'udp' | 'tcp', type = 'A', udpSize?: number) => {
    const query = queryFor('many.ns.svc.cluster.local.', type);
    if (udpSize) query.edns = { version: 0, udpSize, dnssecOk: false, options: [] };
    return one(answerPacket({ zones, repeats }, encodeQuery(1, query), client, protocol, ignore));
  };

  test('over UDP every endpoint has its turn, over TCP all come; one that goes is gone', () => {
    const seen = new Set<unknown>();
    const first = new Set<unknown>();
    for (let i = 0; i < 400; i++) {
      const packet = ask('udp', 'A', 1_232);
      expect(packet.length).toBeLessThanOrEqual(1_232);
      const { truncated, answers } = decodeReply(packet);
      expect(truncated).toBe(true);
      expect(answers.length).toBeGreaterThan(60);
      first.add(answers[0]?.data);
      for (const { data } of answers) seen.add(data);
    }
    expect(seen.size).toBe(1_000); // one missing: (1 - 72/1000)^400
    expect(first.size).toBeGreaterThan(250);
    const whole = decodeReply(ask('tcp'));
    expect(whole.truncated).toBe(false);
    expect(whole.answers.map(({ data }) => data).sort()).toEqual([...ips].sort());
    records.put(slice('many-0', 'ns/many', ips.slice(1, 100), { http: 80 }));
    const after = decodeReply(ask('tcp')).answers.map(({ data }) => data);
    expect(after).toHaveLength(999);
    expect(after).not.toContain(ips[0]);
  });

  test('its SRV records are cut off where the packet ends', () => {
    for (let i = 0; i < 3; i++) {
      const udp = decodeReply(ask('udp', 'SRV'));
      expect([udp.truncated, udp.answers.length > 3, udp.additionals.length]).toEqual([true, true, 0]);
      expect(ask('tcp', 'SRV').length).toBeGreaterThan(60_000);
    }
  });
});

describe('which replies last', () => {
  const kubernetes = 'kubernetes cluster.local in-addr.arpa {\n fallthrough in-addr.arpa\n }';
  const svc1 = 'svc1.testns.svc.cluster.local.';
  const lasts = async (corefile: string, name = svc1, type = 'A') => {
    const reply = await chainOf(`.:53 {\n ${corefile}\n}`, upstreamCluster)(queryFor(name, type));
    return reply.lasting?.of === reply;
  };

  test.each([
    ['', true],
    ['errors\n prometheus :0\n any\n loadbalance', true],
    ['cache 30 {\n disable success\n disable denial\n }', true],
    ['hosts {\n 10.0.0.1 x.test\n fallthrough\n }', true],
    ['acl {\n allow net 10.0.0.0/8\n }', false],
    ['log', false],
    ['metadata', false],
    ['rewrite edns0 local set 0xffee 0x61', false],
    ['template ANY ANY x.test {\n rcode NXDOMAIN\n fallthrough\n }', false],
    ['loadbalance {\n prefer 10.0.0.0/8\n }', false],
  ])('behind %j: %s', async (plugins, expected) => {
    expect(await lasts(`${plugins}\n ${kubernetes}`)).toBe(expected);
  });

  test('behind a cache: what it has, as long as its TTL is the same', async () => {
    const handler = chainOf(`.:53 {\n cache 30\n ${kubernetes}\n}`, upstreamCluster);
    const first = await handler(queryFor(svc1));
    expect(first.lasting?.of).not.toBe(first); // its TTL is about to count down
    const second = await handler(queryFor(svc1));
    expect(second.lasting?.of).toBe(second);
    expect(second.lasting?.isCurrent()).toBe(true);
    await expect.poll(() => second.lasting?.isCurrent(), { timeout: 3_000 }).toBe(false);
    const prefetching = chainOf(`.:53 {\n cache 30 {\n prefetch 2\n }\n ${kubernetes}\n}`, upstreamCluster);
    await prefetching(queryFor(svc1));
    const hit = await prefetching(queryFor(svc1));
    expect(hit.lasting?.of).not.toBe(hit);
  });

  test('not what other servers say, nor what hangs on this machine', async () => {
    const behind = `${kubernetes}\n whoami`;
    expect(await lasts(behind, '9.9.9.10.in-addr.arpa.', 'PTR')).toBe(false);
    expect(await lasts(behind, 'external.testns.svc.cluster.local.')).toBe(false);
    expect(await lasts(behind, 'cluster.local.', 'NS')).toBe(false);
    expect(await lasts(behind, 'ns.dns.cluster.local.')).toBe(false);
    expect(await lasts(behind, 'nobody.testns.svc.cluster.local.')).toBe(true);
  });
});

test('hits of the cache are counted as hits, for one client as for another', () => {
  const surroundings = testSurroundings({ objects: upstreamCluster });
  const corefile = '.:53 {\n cache 30 {\n keepttl\n }\n kubernetes cluster.local\n}';
  const [served] = instanceOf(corefile, surroundings).listeners.values();
  if (!served) throw new Error('nothing is served');
  const packet = encodeQuery(1, queryFor('svc1.testns.svc.cluster.local.'));
  const packets = Array.from({ length: 5 }, () => one(answerPacket(served, packet, client, 'udp', ignore)));
  expect(new Set(packets.map((bytes) => bytes.toString('hex'))).size).toBe(1);
  expect(served.repeats.find(packet, client, 'udp')?.equals(packets[0] ?? Buffer.alloc(0))).toBe(true);
  const text = surroundings.metrics.text();
  expect(text).toMatch(/^coredns_cache_hits_total\{.*type="success".*\} 5$/m);
  expect(text).toMatch(/^coredns_cache_misses_total\{.*\} 1$/m);
  expect(text).toMatch(/^coredns_cache_requests_total\{.*\} 6$/m);
});

test('what plugins count is counted for repeated answers too', () => {
  const surroundings = testSurroundings({ objects: upstreamCluster });
  const corefile = `.:53 {
  prometheus :0
  cache 30 {
    disable success cluster.local
  }
  kubernetes cluster.local
}`;
  const [served] = instanceOf(corefile, surroundings).listeners.values();
  if (!served) throw new Error('nothing is served');
  const packet = encodeQuery(1, queryFor('svc1.testns.svc.cluster.local.'));
  let known = 0;
  for (let i = 0; i < 10; i++) {
    const from = i % 2 === 0 ? client : { address: '::1', port: 1 };
    if (served.repeats.find(packet, from, 'udp')) known++;
    else one(answerPacket(served, packet, from, 'udp', ignore));
  }
  expect(known).toBe(8);
  const lines = surroundings.metrics.text().split('\n');
  const value = (start: string, part = '') =>
    lines
      .filter((line) => line.startsWith(start) && line.includes(part))
      .map((line) => line.split(' ').at(-1));
  expect(value('coredns_dns_requests_total', 'family="1",proto="udp"')).toEqual(['5']);
  expect(value('coredns_dns_requests_total', 'family="2",proto="udp"')).toEqual(['5']);
  expect(value('coredns_dns_responses_total', 'NOERROR')).toEqual(['10']);
  expect(value('coredns_dns_request_duration_seconds_count')).toEqual(['10']);
  expect(value('coredns_cache_requests_total')).toEqual(['10']);
  expect(value('coredns_cache_misses_total')).toEqual(['10']);
});
