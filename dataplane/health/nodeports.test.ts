import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createModel } from '../model/model.ts';
import { service } from '../testing/objects.ts';
import { createHeldPorts, nodePortsOf } from './nodeports.ts';

const errors: string[] = [];
const held = createHeldPorts((message) => errors.push(message));
afterEach(async () => {
  await held.close();
  errors.length = 0;
});

/** Listens on a port, any free one for 0; the error's code where it is taken. */
async function listenOn(port: number) {
  const server = createServer();
  const failed = once(server, 'error').then(([error]) => (error as NodeJS.ErrnoException).code);
  const listening = once(server.listen(port), 'listening').then(() => undefined);
  listening.catch(() => undefined);
  const code = await Promise.race([failed, listening]);
  const address = server.address();
  return {
    code,
    port: typeof address === 'object' && address ? address.port : 0,
    close: async () => {
      if (server.listening) await once(server.close(), 'close');
    },
  };
}

test('a held port is taken for others, until its Service goes', async () => {
  const free = await listenOn(0);
  await free.close();
  await held.sync(new Map([[`${free.port}/TCP`, 'ns/web']]));
  expect((await listenOn(free.port)).code).toBe('EADDRINUSE');
  await held.sync(new Map());
  const again = await listenOn(free.port);
  expect(again.code).toBeUndefined();
  await again.close();
});

test('a port that is taken is told of in upstream’s words, and held when it is free', async () => {
  const squatter = await listenOn(0);
  const ports = new Map([[`${squatter.port}/TCP`, 'ns/web:http']]);
  await held.sync(ports);
  expect(errors).toEqual([
    `can't open "nodePort for ns/web:http" (:${squatter.port}/tcp), skipping this nodePort: listen tcp :${squatter.port}: bind: address already in use`,
  ]);
  await squatter.close();
  await held.sync(ports);
  expect((await listenOn(squatter.port)).code).toBe('EADDRINUSE');
});

test('the node ports of all Services but those of SCTP are held', () => {
  const model = createModel('IPv4', 'worker');
  const ports = [
    { name: 'a', port: 80, nodePort: 30080 },
    { name: 'b', port: 53, nodePort: 30053, protocol: 'UDP' },
    { name: 'c', port: 81, nodePort: 30081, protocol: 'SCTP' },
    { port: 83, nodePort: 30083 },
    { name: 'd', port: 82 },
  ];
  model.setService('ns/web', service('ns/web', { type: 'NodePort', clusterIP: '10.96.0.10', ports }));
  expect(nodePortsOf(model.rows().values())).toEqual(
    new Map([
      ['30080/TCP', 'ns/web:a'],
      ['30053/UDP', 'ns/web:b'],
      // The colon stands without a name too.
      ['30083/TCP', 'ns/web:'],
    ]),
  );
});
