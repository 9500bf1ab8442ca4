import { addressBytes } from './addresses.ts';
import { type EdnsOption, type Query, Rcode, type Reply, type ResourceRecord, typeCode } from './message.ts';
import { labelBytes, labelsOf } from './names.ts';

/** Room for the longest message that TCP can carry, and for the record that is one too many. */
const scratch = Buffer.alloc(65_535 + 1_024);
const largestMessage = 65_535;
const questionAt = 12;
const anyClass = 255;
/** More records than this are not tried in one message of a transfer. */
const mostInMessage = 4_096;
const ednsOptionsToEcho = new Set([3, 9, 10, 11, 12]); // NSID, EXPIRE, COOKIE, TCP-KEEPALIVE, PADDING

/** Between a client and this server only: COOKIE (RFC 7873), TCP-KEEPALIVE (RFC 7828), PADDING (RFC 7830). */
const hopByHop = new Set([10, 11, 12]);

interface Writer {
  at: number;
  /** Of every record. */
  class: number;
  /** The name of the question, which stands right after the header. */
  question: string;
  /**
   * Names already written, in their exact case, and where: what a compression pointer may point to. Those of the
   * question are put in with the first name that is another: most replies have none.
   */
  names: Map<string, number> | undefined;
  /** Names are written in full. */
  plain?: true;
}

/**
 * The packet for a reply: the question as it was asked, names compressed. Records that do not fit in what the
 * client can take are left out and TC is set.
 */
export function encodeReply(query: Query, reply: Reply): Buffer {
  const limit = query.protocol === 'tcp' ? largestMessage : Math.max(query.edns?.udpSize ?? 512, 512);
  const out: Writer = {
    at: 12,
    class: query.class === anyClass ? 1 : query.class,
    question: query.name,
    names: undefined,
  };
  writeQuestion(out, query);
  const opt = query.edns ? optRecord(query, reply) : undefined;
  const room = Math.min(limit, largestMessage) - (opt?.length ?? 0);

  let truncated = reply.truncated ?? false;
  const counts: number[] = [];
  for (const section of [reply.answers, reply.authorities, reply.additionals]) {
    const written = truncated && counts.length > 0 ? 0 : writeRecords(out, section, room);
    if (written < section.length) truncated = true;
    counts.push(written);
  }
  if (opt) {
    opt.copy(scratch, out.at);
    out.at += opt.length;
    counts[2] = (counts[2] ?? 0) + 1;
  }
  scratch.writeUInt16BE(query.id, 0);
  scratch[2] = 0x80 | (reply.authoritative ? 4 : 0) | (truncated ? 2 : 0) | (query.recursionDesired ? 1 : 0);
  scratch[3] =
    (reply.recursionAvailable ? 0x80 : 0) |
    (reply.authenticData ? 0x20 : 0) |
    (query.checkingDisabled ? 0x10 : 0) |
    (reply.rcode & 15);
  scratch.writeUInt16BE(1, 4);
  for (const [section, count] of counts.entries()) scratch.writeUInt16BE(count, 6 + 2 * section);
  return Buffer.from(scratch.subarray(0, out.at));
}

/** Bytes of a reply whose names are not compressed, without an OPT record: what CoreDNS' log says. */
export function plainSize(query: Query, reply: Reply): number {
  const out: Writer = { at: 12, class: 1, question: query.name, names: undefined, plain: true };
  writeQuestion(out, query);
  for (const section of [reply.answers, reply.authorities, reply.additionals])
    writeRecords(out, section, largestMessage);
  return out.at;
}

/** The packets for a zone transfer: as many records in each as there is room for. */
export function encodeTransfer(query: Query, reply: Reply): Buffer[] {
  const packets: Buffer[] = [];
  let rest = reply.answers;
  do {
    const packet = encodeReply(query, { ...reply, answers: rest.slice(0, mostInMessage) });
    const written = packet.readUInt16BE(6);
    if (written === 0 && rest.length > 0)
      throw new Error(`a record of ${rest[0]?.name} does not fit in a message`);
    packet[2] = (packet[2] ?? 0) & ~2; // what is cut off comes in the next one
    packets.push(packet);
    rest = rest.slice(written);
  } while (rest.length > 0);
  return packets;
}

/** The packet that asks another server what `query` asks, under an id of its own. */
export function encodeQuery(
  id: number,
  query: Pick<
    Query,
    'name' | 'type' | 'class' | 'recursionDesired' | 'checkingDisabled' | 'authenticData' | 'edns'
  >,
): Buffer {
  const out: Writer = { at: 12, class: query.class, question: query.name, names: undefined };
  scratch.fill(0, 0, 12);
  scratch.writeUInt16BE(id, 0);
  scratch[2] = query.recursionDesired ? 1 : 0;
  scratch[3] = (query.authenticData ? 0x20 : 0) | (query.checkingDisabled ? 0x10 : 0);
  scratch.writeUInt16BE(1, 4);
  writeQuestion(out, query);
  if (query.edns) {
    const { udpSize, dnssecOk, options } = query.edns;
    const passedOn = options.filter(({ code }) => !hopByHop.has(code));
    out.at += optBytes(Math.max(udpSize, 512), 0, dnssecOk, passedOn).copy(scratch, out.at);
    scratch.writeUInt16BE(1, 10);
  }
  return Buffer.from(scratch.subarray(0, out.at));
}

/** The twelve bytes that say no to a packet whose question cannot be repeated. */
export function refusal(packet: Buffer, rcode: number): Buffer {
  const header = Buffer.alloc(12);
  packet.copy(header, 0, 0, 2);
  header[2] = 0x80 | ((packet[2] ?? 0) & 0x79);
  header[3] = rcode;
  return header;
}

function writeQuestion(out: Writer, query: Pick<Query, 'name' | 'type' | 'class'>): void {
  for (const label of labelsOf(query.name)) writeLabel(out, label);
  scratch[out.at++] = 0;
  write16(out, typeCode(query.type) ?? 0);
  write16(out, query.class);
}

/** Where the question's name stands, and each of its parents. */
function namesOfQuestion({ question }: Writer): Map<string, number> {
  const names = new Map<string, number>();
  let at = questionAt;
  let rest = question;
  for (const label of labelsOf(question)) {
    names.set(rest, at);
    at += 1 + (label.includes('\\') ? labelBytes(label).length : label.length);
    rest = rest.slice(label.length + 1);
  }
  return names;
}

function optRecord(query: Query, { rcode, options: own = [] }: Reply): Buffer {
  const { udpSize, dnssecOk, options } = query.edns ?? { udpSize: 512, dnssecOk: false, options: [] };
  const isEchoed = (code: number) =>
    ednsOptionsToEcho.has(code) && !own.some((option) => option.code === code);
  const echoed = rcode === Rcode.BADVERS ? [] : options.filter(({ code }) => isEchoed(code));
  return optBytes(Math.max(udpSize, 512), rcode >> 4, dnssecOk, [...echoed, ...own]);
}

function optBytes(size: number, extendedRcode: number, dnssecOk: boolean, options: EdnsOption[]): Buffer {
  const body = Buffer.concat(
    options.flatMap(({ code, data }) => [
      Buffer.from([code >> 8, code & 255, data.length >> 8, data.length & 255]),
      data,
    ]),
  );
  const head = Buffer.from([0, 0, 41, 0, 0, extendedRcode & 255, 0, dnssecOk ? 0x80 : 0, 0, 0, 0]);
  head.writeUInt16BE(size, 3);
  head.writeUInt16BE(body.length, 9);
  return Buffer.concat([head, body]);
}

function writeRecords(out: Writer, records: ResourceRecord[], room: number): number {
  let written = 0;
  for (const record of records) {
    const start = out.at;
    writeRecord(out, record, room);
    if (out.at > room) {
      out.at = start;
      for (const [name, at] of out.names ?? []) if (at >= start) out.names?.delete(name);
      return written;
    }
    written++;
  }
  return written;
}

function writeRecord(out: Writer, record: ResourceRecord, room: number): void {
  writeName(out, record.name);
  write16(out, record.type === 'RAW' ? record.code : (typeCode(record.type) ?? 0));
  write16(out, out.class);
  write32(out, record.ttl);
  const length = out.at;
  out.at += 2;
  writeData(out, record, room);
  if (out.at <= room) scratch.writeUInt16BE(out.at - length - 2, length);
}

function writeData(out: Writer, record: ResourceRecord, room: number): void {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      writeBytes(out, addressBytes(record.data) ?? new Uint8Array(record.type === 'A' ? 4 : 16), room);
      break;
    case 'CNAME':
    case 'NS':
    case 'PTR':
      writeName(out, record.data);
      break;
    case 'DNAME':
      writeName(out, record.data, false);
      break;
    case 'TXT':
      for (const text of record.data) {
        const bytes = Buffer.from(text, 'latin1');
        writeBytes(out, Buffer.concat([Buffer.from([bytes.length]), bytes]), room);
      }
      break;
    case 'MX':
      write16(out, record.data.preference);
      writeName(out, record.data.exchange);
      break;
    case 'SRV':
      write16(out, record.data.priority);
      write16(out, record.data.weight);
      write16(out, record.data.port);
      writeName(out, record.data.target, false); // RFC 2782: not compressed
      break;
    case 'SOA':
      writeName(out, record.data.mname);
      writeName(out, record.data.rname);
      write32(out, record.data.serial);
      write32(out, record.data.refresh);
      write32(out, record.data.retry);
      write32(out, record.data.expire);
      write32(out, record.data.minimum);
      break;
    case 'RAW':
      writeBytes(out, record.data, room);
      break;
  }
}

function writeName(out: Writer, name: string, compress = true): void {
  if (name === out.question && compress && !out.plain && name !== '.') {
    write16(out, 0xc000 | questionAt);
    return;
  }
  out.names ??= namesOfQuestion(out);
  let rest = name;
  while (rest !== '.' && rest !== '') {
    const known = out.names.get(rest);
    if (known !== undefined && compress && !out.plain) {
      write16(out, 0xc000 | known);
      return;
    }
    if (known === undefined && out.at < 0x4000) out.names.set(rest, out.at);
    const label = rest.includes('\\') ? (labelsOf(rest)[0] ?? '') : rest.slice(0, rest.indexOf('.') >>> 0);
    writeLabel(out, label);
    rest = rest.slice(label.length + 1);
  }
  scratch[out.at++] = 0;
}

function writeLabel(out: Writer, label: string): void {
  const start = out.at + 1;
  let size = label.length;
  if (label.includes('\\')) size = labelBytes(label).copy(scratch, start);
  // Labels are short: a call into the runtime for each would take longer.
  else for (let i = 0; i < size; i++) scratch[start + i] = label.charCodeAt(i);
  scratch[out.at] = size;
  out.at = start + size;
}

/** What would not fit is only counted: the record is dropped anyway. */
function writeBytes(out: Writer, bytes: Uint8Array, room: number): void {
  if (out.at + bytes.length <= room) scratch.set(bytes, out.at);
  out.at += bytes.length;
}

function write16(out: Writer, value: number): void {
  if (out.at <= largestMessage) {
    scratch[out.at] = value >>> 8;
    scratch[out.at + 1] = value;
  }
  out.at += 2;
}

function write32(out: Writer, value: number): void {
  if (out.at <= largestMessage) scratch.writeUInt32BE(value >>> 0, out.at);
  out.at += 4;
}
