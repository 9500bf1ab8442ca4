import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../../apiserver/testing/apiserver.ts';
import { queryFor } from '../../dns/testing/ask.ts';
import { decodeReply } from '../../dns/wire/decode.ts';
import { encodeQuery } from '../../dns/wire/encode.ts';
import { table } from '../statistics.ts';
import { drive } from './dnsperf.ts';
import { loads, objects, service } from './load.ts';
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
  const api = await startTestApiserver();
  try {
    for (const object of objects()) await create(api, object);
    const server = await ours(folder, started, await kubeconfigOf(api, folder));
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

async function create({ client }: TestApiserver, object: KubeObject): Promise<void> {
  if (object.kind === 'Service') await client.create(resources.services, object as Service);
  if (object.kind === 'EndpointSlice') await client.create(resources.endpointslices, object as EndpointSlice);
}

async function kubeconfigOf(api: TestApiserver, folder: string): Promise<string> {
  const file = join(folder, 'kubeconfig');
  const { cert, key } = await api.pki.client('bench', ['system:masters']);
  const inBase64 = (text: string) => Buffer.from(text).toString('base64');
  const text = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'c', cluster: { server: api.url, 'certificate-authority-data': inBase64(api.pki.ca) } },
    ],
    users: [
      { name: 'u', user: { 'client-certificate-data': inBase64(cert), 'client-key-data': inBase64(key) } },
    ],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(file, JSON.stringify(text));
  return file;
}
