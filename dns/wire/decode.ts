import { formatAddress } from './addresses.ts';
import { type Edns, type Query, type Reply, type ResourceRecord, typeName } from './message.ts';
import { type Cursor, readName, WireError } from './names.ts';

const optType = 41;
const ixfrType = 251;

/** What a packet turned out to be: a query to answer, one to refuse with an rcode, or nothing to answer at all. */
export type Received = { query: Query } | { refuse: number } | 'drop';

/**
 * Reads what a client sent, by the rules of miekg/dns' acceptance function: replies and stubs are dropped;
 * other opcodes are NOTIMP; anything but one question is FORMERR; a header that only says that there is a question is
 * SERVFAIL; records that the header counts after the end of the packet are not missed.
 */
export function decodeQuery(packet: Buffer, client: Query['client'], protocol: Query['protocol']): Received {
  if (packet.length < 12) return 'drop';
  const flags = packet.readUInt16BE(2);
  if (flags & 0x8000) return 'drop';
  if ((flags & 0x7800) !== 0) return { refuse: 4 };
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => packet.readUInt16BE(at));
  if (questions !== 1 || (answers ?? 0) > 1 || (authorities ?? 0) > 1 || (additionals ?? 0) > 2)
    return { refuse: 1 };
  if (packet.length === 12) return { refuse: 2 };
  try {
    const cursor = { bytes: packet, at: 12 };
    const name = readName(cursor);
    const type = read16(cursor);
    const klass = read16(cursor);
    const serial = type === ixfrType && authorities === 1 ? serialOf({ ...cursor }) : undefined;
    const edns = findEdns(cursor, (answers ?? 0) + (authorities ?? 0) + (additionals ?? 0));
    return {
      query: {
        id: packet.readUInt16BE(0),
        name,
        lower: name.toLowerCase(),
        type: typeName(type),
        class: klass,
        recursionDesired: (flags & 0x0100) !== 0,
        checkingDisabled: (flags & 0x0010) !== 0,
        authenticData: (flags & 0x0020) !== 0,
        ...(edns ? { edns } : {}),
        ...(serial === undefined ? {} : { serial }),
        size: packet.length,
        client,
        protocol,
      },
    };
  } catch (error) {
    if (error instanceof WireError) return { refuse: 1 };
    throw error;
  }
}

/** The question of a reply, for comparing it with what was asked. */
export interface DecodedReply extends Reply {
  id: number;
  question?: { name: string; type: string; class: number };
}

/** Reads another server's reply; records of OPT are taken off. Throws {@link WireError}. */
export function decodeReply(packet: Buffer): DecodedReply {
  if (packet.length < 12) throw new WireError(`a reply of ${packet.length} bytes has no header`);
  const flags = packet.readUInt16BE(2);
  if (!(flags & 0x8000)) throw new WireError('a query came where a reply was expected');
  const cursor = { bytes: packet, at: 12 };
  const questions = packet.readUInt16BE(4);
  let question: DecodedReply['question'];
  for (let i = 0; i < questions; i++) {
    const name = readName(cursor);
    question = { name, type: typeName(read16(cursor)), class: read16(cursor) };
  }
  let extended = 0;
  const section = (count: number): ResourceRecord[] => {
    const records: ResourceRecord[] = [];
    for (let i = 0; i < count; i++) {
      const record = readRecord(cursor);
      if (record.type === 'RAW' && record.code === optType) extended = (record.ttl >>> 24) << 4;
      else records.push(record);
    }
    return records;
  };
  const answers = section(packet.readUInt16BE(6));
  const authorities = section(packet.readUInt16BE(8));
  const additionals = section(packet.readUInt16BE(10));
  return {
    id: packet.readUInt16BE(0),
    ...(question ? { question } : {}),
    rcode: extended | (flags & 15),
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    authenticData: (flags & 0x0020) !== 0,
    answers,
    authorities,
    additionals,
  };
}

function serialOf(cursor: Cursor): number | undefined {
  const record = readRecord(cursor);
  return record.type === 'SOA' ? record.data.serial : undefined;
}

function findEdns(cursor: Cursor, records: number): Edns | undefined {
  let found: Edns | undefined;
  for (let i = 0; i < records && cursor.at < cursor.bytes.length; i++) {
    readName(cursor);
    const type = read16(cursor);
    const udpSize = read16(cursor);
    const ttl = read32(cursor);
    const end = endOfData(cursor);
    if (type === optType)
      found = {
        version: (ttl >>> 16) & 255,
        udpSize,
        dnssecOk: (ttl & 0x8000) !== 0,
        options: readOptions(cursor, end),
      };
    cursor.at = end;
  }
  return found;
}

function readOptions(cursor: Cursor, end: number): Edns['options'] {
  const options: Edns['options'] = [];
  while (cursor.at < end) {
    const code = read16(cursor);
    const length = read16(cursor);
    if (cursor.at + length > end) throw new WireError('an EDNS option is longer than its record');
    options.push({ code, data: cursor.bytes.subarray(cursor.at, cursor.at + length) });
    cursor.at += length;
  }
  return options;
}

function readRecord(cursor: Cursor): ResourceRecord {
  const name = readName(cursor);
  const code = read16(cursor);
  read16(cursor); // class: replies to a question of class IN hold nothing else
  const ttl = read32(cursor);
  const end = endOfData(cursor);
  const start = cursor.at;
  const record = readData(cursor, { name, ttl }, code, end);
  if (record.type !== 'RAW' && cursor.at !== end)
    throw new WireError(`${typeName(code)} record of ${end - start} bytes`);
  cursor.at = end;
  return record;
}

function readData(
  cursor: Cursor,
  of: { name: string; ttl: number },
  code: number,
  end: number,
): ResourceRecord {
  const type = typeName(code);
  switch (type) {
    case 'A':
    case 'AAAA': {
      const data = formatAddress(cursor.bytes.subarray(cursor.at, cursor.at + (type === 'A' ? 4 : 16)));
      cursor.at += type === 'A' ? 4 : 16;
      return { ...of, type, data };
    }
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'DNAME':
      return { ...of, type, data: readName(cursor) };
    case 'TXT': {
      const data: string[] = [];
      while (cursor.at < end) {
        const length = cursor.bytes[cursor.at] ?? 0;
        data.push(cursor.bytes.toString('latin1', cursor.at + 1, cursor.at + 1 + length));
        cursor.at += length + 1;
      }
      return { ...of, type, data };
    }
    case 'MX':
      return { ...of, type, data: { preference: read16(cursor), exchange: readName(cursor) } };
    case 'SRV':
      return {
        ...of,
        type,
        data: {
          priority: read16(cursor),
          weight: read16(cursor),
          port: read16(cursor),
          target: readName(cursor),
        },
      };
    case 'SOA':
      return {
        ...of,
        type,
        data: {
          mname: readName(cursor),
          rname: readName(cursor),
          serial: read32(cursor),
          refresh: read32(cursor),
          retry: read32(cursor),
          expire: read32(cursor),
          minimum: read32(cursor),
        },
      };
    default:
      return { ...of, type: 'RAW', code, data: Buffer.from(cursor.bytes.subarray(cursor.at, end)) };
  }
}

function endOfData(cursor: Cursor): number {
  const end = read16(cursor) + cursor.at;
  if (end > cursor.bytes.length) throw new WireError('a record runs past the end of the packet');
  return end;
}

function read16(cursor: Cursor): number {
  if (cursor.at + 2 > cursor.bytes.length) throw new WireError('the packet ends too early');
  const value = cursor.bytes.readUInt16BE(cursor.at);
  cursor.at += 2;
  return value;
}

function read32(cursor: Cursor): number {
  return read16(cursor) * 0x10000 + read16(cursor);
}
