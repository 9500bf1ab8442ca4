import { describe, expect, test } from 'vitest';
import { queryFor } from '../../testing/ask.ts';
import { setUp } from '../../testing/plugin.ts';
import { addressReply } from '../../testing/upstream.ts';
import { emptyReply, type Reply } from '../../wire/message.ts';
import { log } from './plugin.ts';

/** The facts of upstream's plugin/log/*_test.go. */

const noData = emptyReply(0);
const query = queryFor('example.org.');
const address = addressReply(query);

async function linesOf(directives: string, reply: Reply | Error, name = 'Example.org.'): Promise<string[]> {
  const around = setUp(log, directives);
  const handler = around.before(() => {
    if (reply instanceof Error) throw reply;
    return reply;
  });
  try {
    await handler(queryFor(name));
  } catch (error) {
    expect(error).toBe(reply);
  }
  return around.surroundings.lines.map((line) => line.replace(/\d\.\d{9}s$/, 'DURATION'));
}

test.each([
  [
    'log',
    address,
    '[INFO] 10.240.0.1:40212 - 1 "A IN Example.org. udp 40 false 512" NOERROR qr,rd,ra 56 DURATION',
  ],
  ['log . {combined}', address, expect.stringMatching(/ DURATION "0"$|s "0"$/)],
  [
    'log . "{name} {type} {class} {rcode} {nonsense} {/forward/upstream}"',
    noData,
    '[INFO] Example.org. A IN NOERROR - -',
  ],
  ['log . "{remote} {port} {proto} {>do} {>id}"', noData, '[INFO] 10.240.0.1 40212 udp false 1'],
  ['log', new Error('failed'), expect.stringContaining(' SERVFAIL qr,rd 29 ')],
])('%s', async (directives, reply, expected) => {
  expect(await linesOf(directives, reply)).toEqual([expected]);
});

describe('classes and names', () => {
  const failed = emptyReply(2);
  const denied = emptyReply(3);
  test.each([
    ['log {\n class denial\n }', denied, 1],
    ['log {\n class denial\n }', noData, 1],
    ['log {\n class denial\n }', address, 0],
    ['log {\n class success\n }', address, 1],
    ['log {\n class error\n }', failed, 1],
    ['log {\n class error\n }', denied, 0],
    ['log {\n class denial error\n }', failed, 1],
    ['log {\n class denial\n class error\n }', failed, 1],
    ['log {\n class all denial\n }', address, 1],
    ['log example.org', address, 1],
    ['log example.net', address, 0],
    ['log example.org example.net {name}', address, 1],
    ['log example.net\n log example.org', address, 1],
  ])('%s writes of %o so many lines: %i', async (directives, reply, count) => {
    expect(await linesOf(directives, reply)).toHaveLength(count);
  });

  test.each(['log {\n class abracadabra\n }', 'log {\n class\n }', 'log {\n unknown\n }'])(
    '%s is an error',
    (directives) => {
      expect(() => setUp(log, directives)).toThrow('plugin/log: Corefile:3 - Error during parsing: ');
    },
  );
});
