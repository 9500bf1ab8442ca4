import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { resources } from '../../api/scheme.ts';
import type { TestApiserver } from '../../apiserver/testing/apiserver.ts';
import { queryFor } from '../../dns/testing/ask.ts';
import { decodeReply } from '../../dns/wire/decode.ts';
import { encodeQuery } from '../../dns/wire/encode.ts';
import { table } from '../statistics.ts';
import { create, startApi } from './api.ts';
import { drive } from './dnsperf.ts';
import { loads, service } from './load.ts';
import { memoryOf, ours, type Server } from './servers.ts';

const seconds = 60;
/** A minute's changes, of a Service each. */
const changes = 1_000;
const queriesPerSecond = 20_000;
const mix = loads['mix, a third each'];

/**
 * Makes Services come and go in an API that our server follows, while dnsperf asks; measures from the API's answer
 * to the first right answer of DNS.
 */
export async function benchChanges(folder: string, started: ChildProcess[]): Promise<void> {
  const { api, kubeconfig } = await startApi(folder);
  try {
    const server = await ours(folder, started, { kubeconfig, workers: 1 });
    const asking = drive(server, 'mix', mix ?? { queries: [] }, { folder, seconds, most: queriesPerSecond });
    const delays = await change(api, server);
    const run = await asking;
    const { resident, share } = memoryOf(server);
    const at = (part: number) => (delays[Math.floor(part * (delays.length - 1))] ?? Number.NaN).toFixed(1);
    console.log(
      table([
        ['changes seen', 'p50 ms', 'p90', 'p99', 'most', 'queries/s', 'lost', 'RSS', 'PSS'],
        [
          String(delays.length),
          ...[at(0.5), at(0.9), at(0.99), at(1)],
          ...[run.perSecond.toFixed(0), String(run.lost), resident, share],
        ],
      ]),
    );
  } finally {
    await api.stop();
  }
}

/** Milliseconds that each change took to show, the least first. */
async function change(api: TestApiserver, server: Server): Promise<number[]> {
  const asker = await createAsker(server);
  const delays: number[] = [];
  const start = performance.now();
  for (let i = 0; i < changes; i++) {
    await delay(Math.max(0, start + (i * seconds * 1_000) / changes - performance.now()));
    // A Service comes, then it goes: every other name is one that DNS has just denied.
    const name = `coming-${i >> 1}`;
    const isNew = i % 2 === 0;
    if (isNew) {
      await asker.ask(name);
      await create(api, service(name, `10.97.${(i >> 9) & 255}.${(i >> 1) & 255}`));
    } else await api.client.delete(resources.services, { name, namespace: 'default' });
    const answered = performance.now();
    while (((await asker.ask(name)) === 0) !== isNew) if (performance.now() - answered > 5_000) break;
    delays.push(performance.now() - answered);
  }
  asker.close();
  return delays.sort((a, b) => a - b);
}

/** Asks for the address of a Service; gives the rcode. */
async function createAsker({ host, port }: Server) {
  const socket = createSocket('udp4');
  socket.connect(port, host);
  await once(socket, 'connect');
  let id = 0;
  return {
    async ask(name: string): Promise<number> {
      id = (id + 1) & 0xffff;
      socket.send(encodeQuery(id, queryFor(`${name}.default.svc.cluster.local.`)));
      const [packet] = await once(socket, 'message', { signal: AbortSignal.timeout(2_000) });
      const reply = decodeReply(packet);
      if (reply.id !== id) throw new Error(`a reply to query ${reply.id} came where ${id} was asked`);
      return reply.rcode;
    },
    close: () => socket.close(),
  };
}
