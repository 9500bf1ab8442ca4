import { decode, encode } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { queryFor } from '../testing/ask.ts';
import { canonicalAddress } from './addresses.ts';
import { decodeQuery, decodeReply } from './decode.ts';
import { encodeQuery, encodeReply } from './encode.ts';
import { emptyReply, type Reply, type ResourceRecord } from './message.ts';
import { isDomainName, isSubdomain, labelsOf, parentOf, readName } from './names.ts';

/** dns-packet is the second opinion: what one writes the other must read. */

const client = { address: '127.0.0.1', port: 1 };
const name = 'a.example.org.';
const records: ResourceRecord[] = [
  { name, ttl: 5, type: 'A', data: '10.0.0.1' },
  { name, ttl: 5, type: 'AAAA', data: 'fd00::1' },
  { name, ttl: 5, type: 'CNAME', data: 'b.example.org.' },
  { name, ttl: 5, type: 'TXT', data: ['1.1.0', 'two'] },
  { name, ttl: 5, type: 'MX', data: { preference: 10, exchange: 'mail.example.org.' } },
  { name, ttl: 5, type: 'SRV', data: { priority: 0, weight: 50, port: 80, target: 'b.example.org.' } },
  {
    name: 'example.org.',
    ttl: 5,
    type: 'SOA',
    data: {
      mname: 'ns.example.org.',
      rname: 'mail.example.org.',
      serial: 4_294_967_295,
      refresh: 1,
      retry: 2,
      expire: 3,
      minimum: 4,
    },
  },
  { name, ttl: 5, type: 'RAW', code: 257, data: Buffer.from('000569737375656c65742e6f7267', 'hex') },
];
const withAnswers = (answers: ResourceRecord[]): Reply => ({ ...emptyReply(0), answers });

describe('replies', () => {
  test.each(records)('a record of type $type is read by dns-packet as it was meant', (record) => {
    const [answer] = decode(encodeReply(queryFor(name), withAnswers([record]))).answers ?? [];
    expect(`${answer?.name}.`).toBe(record.name);
    expect(answer && 'ttl' in answer ? answer.ttl : undefined).toBe(5);
    expect(answer?.type).toBe(record.type === 'RAW' ? 'CAA' : record.type);
  });

  test('what is written is read back', () => {
    const reply = decodeReply(encodeReply(queryFor(name, 'ANY'), withAnswers(records)));
    expect(reply.answers).toEqual(records);
    expect(reply.question).toEqual({ name, type: 'ANY', class: 1 });
  });

  test('names are compressed', () => {
    const { length } = encodeReply(queryFor(name), withAnswers(records.slice(0, 1)));
    expect(length).toBe(12 + 19 + 2 + 10 + 4 - 1 + 1);
  });

  test('flags and rcode', () => {
    const packet = decode(encodeReply(queryFor(name), { ...emptyReply(3), authoritative: true }));
    expect([packet.flag_aa, packet.flag_rd, packet.flag_ra, packet.flag_tc]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect((packet as { rcode?: string }).rcode).toBe('NXDOMAIN');
  });

  test('what a client cannot take is cut off, and TC is set', () => {
    const many = Array.from(
      { length: 100 },
      (_, i) => ({ ...records[0], data: `10.0.0.${i}` }) as ResourceRecord,
    );
    const small = decodeReply(encodeReply(queryFor(name), withAnswers(many)));
    expect(small.truncated).toBe(true);
    expect(encodeReply(queryFor(name), withAnswers(many)).length).toBeLessThanOrEqual(512);
    expect(small.answers).toEqual(many.slice(0, small.answers.length));
    const edns = { version: 0, udpSize: 4096, dnssecOk: false, options: [] };
    expect(decodeReply(encodeReply(queryFor(name, 'A', { edns }), withAnswers(many))).truncated).toBe(false);
    expect(
      decodeReply(encodeReply(queryFor(name, 'A', { protocol: 'tcp' }), withAnswers(many))).answers,
    ).toHaveLength(100);
    const huge = Array.from({ length: 10_000 }, () => records[5] as ResourceRecord);
    expect(
      encodeReply(queryFor(name, 'SRV', { protocol: 'tcp' }), withAnswers(huge)).length,
    ).toBeLessThanOrEqual(65_535);
  });

  test('EDNS comes back with the cookie, and BADVERS in two parts', () => {
    const cookie = { code: 10, data: Buffer.from('0123456789abcdef', 'hex') };
    const edns = {
      version: 1,
      udpSize: 1232,
      dnssecOk: true,
      options: [cookie, { code: 65_001, data: Buffer.alloc(2) }],
    };
    const packet = decode(encodeReply(queryFor(name, 'A', { edns }), emptyReply(0)));
    const [opt] = packet.additionals ?? [];
    expect(opt).toMatchObject({ type: 'OPT', udpPayloadSize: 1232, flag_do: true, ednsVersion: 0 });
    expect(opt && 'options' in opt ? opt.options : []).toMatchObject([{ code: 10 }]);
    const [bad] = decode(encodeReply(queryFor(name, 'A', { edns }), emptyReply(16))).additionals ?? [];
    expect(bad).toMatchObject({ extendedRcode: 1 });
  });
});

describe('queries', () => {
  test('one that dns-packet wrote', () => {
    const packet = encode({
      type: 'query',
      id: 7,
      flags: 256,
      questions: [{ type: 'SRV', name: 'WwW.Example.org' }],
    });
    expect(decodeQuery(packet, client, 'udp')).toMatchObject({
      query: {
        id: 7,
        name: 'WwW.Example.org.',
        lower: 'www.example.org.',
        type: 'SRV',
        recursionDesired: true,
      },
    });
  });

  test('ours are read by dns-packet', () => {
    const edns = { version: 0, udpSize: 1232, dnssecOk: true, options: [] };
    const packet = decode(encodeQuery(9, queryFor(name, 'AAAA', { edns })));
    expect(packet.questions).toMatchObject([{ name: 'a.example.org', type: 'AAAA', class: 'IN' }]);
    expect(packet.additionals).toMatchObject([{ type: 'OPT', flag_do: true }]);
  });

  const good = encode({ type: 'query', id: 7, questions: [{ type: 'A', name: 'example.org' }] });
  const changed = (change: (packet: Buffer) => void): Buffer => {
    const packet = Buffer.from(good);
    change(packet);
    return packet;
  };
  test.each([
    ['a stub', good.subarray(0, 11), 'drop'],
    ['a reply', changed((packet) => packet.writeUInt8(0x80, 2)), 'drop'],
    ['an UPDATE', changed((packet) => packet.writeUInt8(5 << 3, 2)), { refuse: 4 }],
    ['no question', changed((packet) => packet.writeUInt16BE(0, 4)), { refuse: 1 }],
    ['two questions', changed((packet) => packet.writeUInt16BE(2, 4)), { refuse: 1 }],
    ['a label past the end', changed((packet) => packet.writeUInt8(63, 12)), { refuse: 1 }],
    ['a pointer to itself', changed((packet) => packet.writeUInt16BE(0xc00c, 12)), { refuse: 1 }],
    ['a pointer forwards', changed((packet) => packet.writeUInt16BE(0xc0ff, 12)), { refuse: 1 }],
    ['a label of unknown kind', changed((packet) => packet.writeUInt8(0x80, 12)), { refuse: 1 }],
    [
      'half a record',
      Buffer.concat([changed((packet) => packet.writeUInt16BE(1, 10)), Buffer.alloc(9)]),
      { refuse: 1 },
    ],
    ['a header without the question that it counts', good.subarray(0, 12), { refuse: 2 }],
    ['no type', good.subarray(0, -3), { refuse: 1 }],
  ])('%s', (_, packet, expected) => {
    expect(decodeQuery(packet, client, 'udp')).toEqual(expected);
  });

  test('records that are counted where the packet is over are not missed', () => {
    const counting = changed((packet) => packet.writeUInt16BE(1, 10));
    expect(decodeQuery(counting, client, 'udp')).toEqual(decodeQuery(good, client, 'udp'));
  });

  test('random packets are never more than refused', () => {
    let state = 1; // the same ones each time
    const random = () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state / 2_147_483_648;
    };
    const outcomes = new Set<string>();
    for (let i = 0; i < 20_000; i++) {
      const packet = Buffer.from(good);
      for (let flips = Math.floor(random() * 6); flips >= 0; flips--)
        packet[Math.floor(random() * packet.length)] = Math.floor(random() * 256);
      const received = decodeQuery(packet, client, 'udp');
      outcomes.add(received === 'drop' ? 'drop' : Object.keys(received).join());
      if (received !== 'drop' && 'query' in received) encodeReply(received.query, withAnswers(records));
    }
    expect([...outcomes].sort()).toEqual(['drop', 'query', 'refuse']);
  });
});

describe('names', () => {
  test('bytes that are no plain characters are escaped and go back as they came', () => {
    const wire = Buffer.from([4, 0x61, 0x2e, 0x5c, 0xff, 1, 0x20, 0]);
    const text = readName({ bytes: wire, at: 0 });
    expect(text).toBe('a\\.\\\\\\255.\\032.');
    expect(labelsOf(text)).toEqual(['a\\.\\\\\\255', '\\032']);
    expect(encodeQuery(1, queryFor(text)).subarray(12, 20)).toEqual(wire);
  });

  test('a name is at most 255 bytes long', () => {
    const label = [63, ...Buffer.alloc(63, 0x61)];
    const wire = Buffer.from([...label, ...label, ...label, ...label, 0]);
    expect(() => readName({ bytes: wire, at: 0 })).toThrow('name is longer than 255 bytes');
    expect(isDomainName(`${'a'.repeat(64)}.org`)).toBe(false);
    expect(isDomainName('a..b')).toBe(false);
    expect(isDomainName('example.org.')).toBe(true);
  });

  test('below a zone, in any case', () => {
    expect(isSubdomain('example.org.', 'WWW.eXample.org.')).toBe(true);
    expect(isSubdomain('example.org.', 'notexample.org.')).toBe(false);
    expect(isSubdomain('.', 'anything.')).toBe(true);
  });
});

test.each([
  ['fd00:0:0:0:0:0:0:1', 'fd00::1'],
  ['FD00::1', 'fd00::1'],
  ['::', '::'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ['10.0.0.1', '10.0.0.1'],
])('%s is written %s', (text, expected) => {
  expect(canonicalAddress(text)).toBe(expected);
});

test('a dot that belongs to a label does not end it', () => {
  expect(labelsOf('a\\..b\\\\.c\\\\\\..')).toEqual(['a\\.', 'b\\\\', 'c\\\\\\.']);
  expect(parentOf('a\\.b.c.')).toBe('c.');
  expect(parentOf('a\\\\.b.')).toBe('b.');
  expect([parentOf('a\\..'), parentOf('a.')]).toEqual(['.', '.']);
  expect(isSubdomain('cluster.local.', 'a\\.cluster.local.')).toBe(false);
  expect(isSubdomain('cluster.local.', 'a\\\\.cluster.local.')).toBe(true);
  const name = 'a\\..\\.\\\\.example.org.';
  expect(decodeReply(encodeReply(queryFor(name), emptyReply(0))).question).toMatchObject({ name });
});
