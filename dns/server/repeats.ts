import { encodeReply } from '../wire/encode.ts';
import type { Lasting, Query, Repeated, Reply } from '../wire/message.ts';
import { type Layout, layoutOf } from './layout.ts';
import { roomFor } from './outgoing.ts';
import { lowerCase, type Question, readQuestion } from './question.ts';

/**
 * The packets of replies that are the same until something changes ({@link Lasting}), for questions that were asked
 * before: a hot name costs neither a decoded query nor an encoded reply.
 */
export interface Repeats {
  /**
   * The packet that answers `packet`, if one is known that is still right; plugins that count are told. It is to be
   * sent or copied before the next one is asked for ({@link roomFor}).
   */
  find(packet: Buffer, client: Query['client'], protocol: Query['protocol']): Buffer | undefined;
  /** Keeps the reply to `packet` if it lasts and its question came before. Returns what to send, then. */
  keep(packet: Buffer, query: Query, reply: Reply): Buffer | undefined;
}

interface Entry extends Layout {
  /** The packet, without OPT record, id and what the client says by RD and CD, is `slab` from `at` on. */
  slab: Buffer;
  at: number;
  length: number;
  lasting: Lasting;
  repeated: readonly Repeated[];
}

const largestMessage = 65_535;
const optLength = 11;
/** With more than this everything is forgotten: who asks for so many names does not ask for them again. */
const mostEntries = 8_192;
const mostBytes = 4 << 20;
const slabLength = 1 << 16;
/** So many addresses are drawn anew for each reply, those that a client will try; the rest keeps the last order. */
const mostDrawn = 64;

export function createRepeats(): Repeats {
  /** By DO and CD, then by the bytes of the question. */
  const entries = Array.from({ length: 4 }, () => new Map<string, Entry>());
  /** Questions that came once, since a little while. */
  const once = new Set<string>();
  let slab = Buffer.alloc(0);
  let used = 0;
  let bytes = 0;
  let count = 0;

  /** A place for a packet; the one of the reply that it takes the place of, if that is long enough. */
  function placeFor(length: number, old: Entry | undefined): { slab: Buffer; at: number } {
    if (old && old.length >= length) return old;
    if (count >= mostEntries || bytes + length > mostBytes) {
      for (const shelf of entries) shelf.clear();
      count = bytes = 0;
    }
    count++;
    bytes += length;
    if (used + length > slab.length) {
      slab = Buffer.allocUnsafeSlow(Math.max(slabLength, length));
      used = 0;
    }
    used += length;
    return { slab, at: used - length };
  }

  /** A question that came once costs no more than its mark, so that a flood of random names pushes nothing out. */
  function cameBefore(shelf: Map<string, Entry>, key: string, variant: number): boolean {
    if (shelf.has(key)) return true;
    const mark = `${variant}${key}`;
    if (once.delete(mark)) return true;
    if (once.size >= mostEntries) once.clear();
    once.add(mark);
    return false;
  }

  return {
    find(packet, client, protocol) {
      const question = readQuestion(packet);
      if (!question) return undefined;
      const shelf = entries[question.variant];
      let entry = shelf?.get(question.key);
      if (!entry) {
        const lower = lowerCase(question);
        if (lower !== undefined) entry = shelf?.get(lower);
        if (!entry?.anyCase) return undefined;
      }
      if (!entry.lasting.isCurrent()) return undefined;
      if (entry.repeated.length === 0) return packetOf(entry, packet, question, protocol);
      const started = performance.now();
      const reply = packetOf(entry, packet, question, protocol);
      for (const repeated of entry.repeated) repeated(client, protocol, started);
      return reply;
    },

    keep(packet, query, reply) {
      const { lasting } = reply;
      if (lasting?.of !== reply || reply.options || reply.truncated) return undefined;
      const question = readQuestion(packet);
      const shelf = entries[question?.variant ?? 0];
      if (!question || !shelf) return undefined;
      const lower = lowerCase(question);
      const key = lower ?? question.key;
      if (!cameBefore(shelf, key, question.variant)) return undefined;
      const { edns, ...plain } = query;
      const whole = encodeReply(
        { ...plain, id: 0, recursionDesired: false, checkingDisabled: false, protocol: 'tcp' },
        reply,
      );
      const layout = layoutOf(whole, question.end, lasting.isShuffled);
      if (!layout || (lower !== undefined && !layout.anyCase)) return undefined;
      const { slab, at } = placeFor(whole.length, shelf.get(key));
      whole.copy(slab, at);
      const repeated = lasting.watchers.flatMap((watch) => watch(query, reply) ?? []);
      const entry = { ...layout, slab, at, length: whole.length, lasting, repeated };
      shelf.set(key, entry);
      return packetOf(entry, packet, question, query.protocol);
    },
  };
}

/** What this client is sent: in the case it asked in, as much as it takes, its addresses in an order of their own. */
function packetOf(
  entry: Entry,
  packet: Buffer,
  { end, udpSize }: Question,
  protocol: Query['protocol'],
): Buffer {
  const { slab, at } = entry;
  const limit = protocol === 'tcp' ? largestMessage : Math.max(udpSize ?? 0, 512);
  const opt = udpSize === undefined ? 0 : optLength;
  const { ends } = entry;
  const records = ends && entry.length + opt > limit ? fitting(ends, limit - opt) : undefined;
  const length = records === undefined ? entry.length : records === 0 ? end : (ends?.[records - 1] ?? end);
  for (const { size, starts } of entry.shuffled) draw(slab, at, size, starts, length);

  const out = roomFor(length + opt);
  slab.copy(out, 0, at, at + length);
  out[0] = packet[0] ?? 0;
  out[1] = packet[1] ?? 0;
  const flags = slab[at + 2] ?? 0;
  out[2] = flags | ((packet[2] ?? 0) & 1);
  out[3] = (slab[at + 3] ?? 0) | ((packet[3] ?? 0) & 0x10);
  packet.copy(out, 12, 12, end);
  if (entry.serial > 0 && entry.serial < length) {
    const serial = entry.lasting.serial();
    if (serial !== undefined) out.writeUInt32BE(serial, entry.serial);
  }
  if (records !== undefined) {
    out[2] |= 2;
    limitCounts(out, records);
  }
  if (opt > 0) writeOpt(out, length, udpSize ?? 0, packet);
  return out;
}

/** How many records end within `room` bytes. */
function fitting(ends: Uint16Array, room: number): number {
  let records = 0;
  while (records < ends.length && (ends[records] ?? 0) <= room) records++;
  return records;
}

/** Records in random order, by exchanging them where they are; only those that will be sent are drawn. */
function draw(slab: Buffer, at: number, size: number, starts: readonly number[], length: number): void {
  const last = Math.min(starts.length - 1, mostDrawn);
  for (let i = 0; i < last; i++) {
    const here = starts[i] ?? 0;
    if (here >= length) return;
    const pick = i + Math.floor(Math.random() * (starts.length - i));
    if (pick === i) continue;
    const a = at + here;
    const b = at + (starts[pick] ?? 0);
    for (let byte = 0; byte < size; byte++) {
      const kept = slab[a + byte] ?? 0;
      slab[a + byte] = slab[b + byte] ?? 0;
      slab[b + byte] = kept;
    }
  }
}

/** Of the records that the header counts there are only so many. */
function limitCounts(out: Buffer, records: number): void {
  let left = records;
  for (const at of [6, 8, 10]) {
    const here = Math.min(out.readUInt16BE(at), left);
    out.writeUInt16BE(here, at);
    left -= here;
  }
}

/** The client's OPT record, the size it gave at least 512, no rcode in it; its count of additionals is one more. */
function writeOpt(out: Buffer, at: number, udpSize: number, packet: Buffer): void {
  packet.copy(out, at, packet.length - optLength);
  out.writeUInt16BE(Math.max(udpSize, 512), at + 3);
  out[at + 5] = 0;
  out[at + 7] = (out[at + 7] ?? 0) & 0x80;
  out[at + 8] = 0;
  out.writeUInt16BE(out.readUInt16BE(10) + 1, 10);
}
