import { encodeQuery } from '../wire/encode.ts';
import type { Query } from '../wire/message.ts';
import { queryFor } from './ask.ts';

/** A number from 0 up to, but not with, `below`. */
export type Random = (below: number) => number;

/** The same numbers every time for a seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const names = [
  'svc1.testns.svc.cluster.local.',
  'hdls1.testns.svc.cluster.local.',
  '_http._tcp.hdls1.testns.svc.cluster.local.',
  'external.testns.svc.cluster.local.',
  'nothing.testns.svc.cluster.local.',
  '10-240-0-1.podns.pod.cluster.local.',
  'dns-version.cluster.local.',
  '1.0.0.10.in-addr.arpa.',
  '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.c.b.a.4.3.2.1.ip6.arpa.',
  'www.example.org.',
  'cluster.local.',
  '.',
];
const types = ['A', 'AAAA', 'SRV', 'PTR', 'TXT', 'CNAME', 'NS', 'SOA', 'ANY', 'AXFR', 'IXFR', 'DS', 'OPT'];

/** One packet that a client should not send, or nearly so: a real query of which one to three things are wrong. */
export function hostilePacket(random: Random): Buffer {
  let packet = realQuery(random);
  for (let changes = 1 + random(3); changes > 0; changes--)
    packet = (mutations[random(mutations.length)] ?? flipBits)(packet, random);
  return packet;
}

/** A query as clients send them, with an OPT record half of the time. */
function realQuery(random: Random): Buffer {
  const name = pick(names, random);
  const options = Array.from({ length: random(3) }, () => ({
    code: pick([3, 8, 10, 11, 12, 65_001], random),
    data: bytesOf(random, pick([0, 1, 4, 7, 8, 9, 24, 41, 600], random)),
  }));
  const edns = {
    version: 0,
    udpSize: pick([0, 511, 512, 1232, 4096, 65_535], random),
    dnssecOk: random(2) === 0,
    options,
  };
  const extra: Partial<Query> = {
    class: random(20) === 0 ? pick([0, 2, 3, 4, 254, 255, 4_711], random) : 1,
    ...(random(2) === 0 ? { edns } : {}),
  };
  const type = random(10) === 0 ? `TYPE${random(65_536)}` : pick(types, random);
  return encodeQuery(random(65_536), queryFor(name, type, extra));
}

type Mutation = (packet: Buffer, random: Random) => Buffer;

const flipBits: Mutation = (packet, random) => {
  for (let i = 1 + random(8); i > 0 && packet.length > 0; i--) {
    const at = random(packet.length);
    packet[at] = (packet[at] ?? 0) ^ (1 << random(8));
  }
  return packet;
};

const mutations: Mutation[] = [
  flipBits,
  // Cut off anywhere, to nothing at all; or followed by what belongs to nothing.
  (packet, random) => packet.subarray(0, random(packet.length + 1)),
  (packet, random) => Buffer.concat([packet, bytesOf(random, random(600))]),
  // Counts that lie, several questions.
  (packet, random) => set16(packet, 4 + 2 * random(4), pick([0, 1, 2, 3, 255, 65_535], random)),
  (packet) => set16(Buffer.concat([packet, packet.subarray(12)]), 4, 2),
  // Opcodes, flags.
  (packet, random) => set16(packet, 2, random(65_536)),
  // Compression: to itself, back into the header, forwards, out of the packet; loops of two.
  (packet, random) => set16(packet, 12, 0xc000 | pick([12, 0, 4, 14, 0x3fff, random(0x4000)], random)),
  (packet) => set16(set16(packet, 12, 0xc00e), 14, 0xc00c),
  // Labels that lie about their length, of unknown kinds, of any bytes.
  (packet, random) => set8(packet, 12, random(256)),
  (packet, random) => withName(packet, bytesOf(random, 1 + random(63)), 1 + random(4)),
  // Names of about 255 bytes, and far more.
  (packet, random) => withName(packet, Buffer.alloc(1 + random(63), 0x61), 4 + random(40)),
  (packet) => withName(packet, Buffer.from('*'), 127),
  // Class and type.
  (packet, random) => set16(packet, endOfName(packet) + 2 * random(2), random(65_536)),
  // OPT: its version, its length, twice, in a place it does not belong.
  (packet, random) => withOpt(packet, random, random(256), 0),
  (packet, random) => withOpt(packet, random, 0, random(65_536)),
  (packet, random) => withOpt(withOpt(packet, random, 0, 0), random, random(2), 0),
  (packet, random) => set16(withOpt(packet, random, 0, 0), 6 + 2 * random(2), 1),
  // Nothing but noise, short and as long as UDP allows.
  (_, random) => bytesOf(random, random(100)),
  (packet, random) => (random(50) === 0 ? bytesOf(random, 1_000 + random(64_000)) : packet),
];

function pick<T>(list: readonly [T, ...T[]] | T[], random: Random): T {
  return list[random(list.length)] as T;
}

function bytesOf(random: Random, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = random(256);
  return bytes;
}

function set8(packet: Buffer, at: number, value: number): Buffer {
  if (at < packet.length) packet[at] = value;
  return packet;
}

function set16(packet: Buffer, at: number, value: number): Buffer {
  return set8(set8(packet, at, value >> 8), at + 1, value & 255);
}

/** Where the plain name of the question is over, if it is one. */
function endOfName(packet: Buffer): number {
  let at = 12;
  while (at < packet.length && packet[at] !== 0) at += 1 + (packet[at] ?? 0);
  return at + 1;
}

/** The question's name is `count` times this label. */
function withName(packet: Buffer, label: Buffer, count: number): Buffer {
  const name = Buffer.concat([Buffer.from([label.length]), label]);
  return Buffer.concat([
    packet.subarray(0, 12),
    ...Array.from({ length: count }, () => name),
    Buffer.from([0]),
    packet.subarray(endOfName(packet)),
  ]);
}

/** With one more OPT record, which claims to be `length` bytes long, or is as long as it says for 0. */
function withOpt(packet: Buffer, random: Random, version: number, length: number): Buffer {
  const data = bytesOf(random, random(12));
  const head = Buffer.from([0, 0, 41, 4, 208, 0, version, 0x80, 0, 0, 0]);
  head.writeUInt16BE(length || data.length, 9);
  const count = packet.length >= 12 ? packet.readUInt16BE(10) + 1 : 1;
  return set16(Buffer.concat([packet, head, data]), 10, count & 0xffff);
}
