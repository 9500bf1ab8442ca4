import { type DecodedPacket, decode, encode } from 'dns-packet';
import { expect, test } from 'vitest';
import { isQuery, sameQuestion, serverFailure, withId } from './relay.ts';

const query = encode({
  type: 'query',
  id: 0x1234,
  flags: 0x0100,
  questions: [{ type: 'A', name: 'www.example.org' }],
  additionals: [
    {
      type: 'OPT',
      name: '.',
      udpPayloadSize: 1232,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
    },
  ],
});

test('an id is rewritten in a copy', () => {
  const copy = withId(query, 0xfffe);
  expect(decode(copy).id).toBe(0xfffe);
  expect(decode(query).id).toBe(0x1234);
  expect(copy.subarray(2)).toEqual(query.subarray(2));
});

test('SERVFAIL repeats the question and nothing else', () => {
  const answer = decode(serverFailure(query)) as DecodedPacket & { rcode: string };
  expect(answer).toMatchObject({
    id: 0x1234,
    type: 'response',
    rcode: 'SERVFAIL',
    flag_rd: true,
    flag_ra: true,
  });
  expect(answer.questions).toEqual([{ type: 'A', name: 'www.example.org', class: 'IN' }]);
  expect(answer.additionals).toEqual([]);
});

test('SERVFAIL to a message cut short is a bare header', () => {
  const answer = serverFailure(query.subarray(0, 20));
  expect(answer).toHaveLength(12);
  expect(answer.readUInt16BE(4)).toBe(0);
});

test('only a whole header without the QR bit is a query', () => {
  expect(isQuery(query)).toBe(true);
  expect(isQuery(serverFailure(query))).toBe(false);
  expect(isQuery(query.subarray(0, 11))).toBe(false);
});

test('an answer must repeat the question, in the same letters', () => {
  const answerTo = (name: string) => encode({ type: 'response', id: 1, questions: [{ type: 'A', name }] });
  expect(sameQuestion(query, answerTo('www.example.org'))).toBe(true);
  expect(sameQuestion(query, answerTo('wWw.example.org'))).toBe(false);
  expect(sameQuestion(query, answerTo('www.example.com'))).toBe(false);
  expect(sameQuestion(query, Buffer.alloc(4))).toBe(false);
});

test('an error may leave the question out', () => {
  const refused = Buffer.from(encode({ type: 'response', id: 1, questions: [] }));
  expect(sameQuestion(query, refused)).toBe(false);
  refused[3] = 5;
  expect(sameQuestion(query, refused)).toBe(true);
});
