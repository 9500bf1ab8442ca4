import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { isListening, parseListening, untilListening } from './listening.ts';

it('reads the ports that are listened on', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:24A0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1
   1: 0100007F:0277 0100007F:E1F2 01 00000000:00000000 00:00000000 00000000     0        0 12346 1
  10: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
`;
  expect(parseListening(table)).toEqual([9376, 80]);
  expect(parseListening('')).toEqual([]);
});

it('sees a port open and close', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await untilListening(process.pid, [port], AbortSignal.timeout(60_000));
  expect(isListening(process.pid, [port])).toBe(true);
  server.close();
  await once(server, 'close');
  expect(isListening(process.pid, [port])).toBe(false);
  expect(isListening(process.pid, [])).toBe(true);
});
