import { once } from 'node:events';
import { Agent, get, request } from 'node:http';
import { startTestApiserver, type TestApiserver } from '../apiserver/testing/apiserver.ts';
import { median, table } from './statistics.ts';

const podsPath = '/api/v1/namespaces/default/pods';
const mapsPath = '/api/v1/namespaces/default/configmaps';

/** Writes, reads and watches against an apiserver in this process, over its Unix socket; every write is on disk. */
export async function bench(): Promise<void> {
  const server = await startTestApiserver();
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const send = (method: string, path: string, body?: object) => call(server, agent, method, path, body);
  const rows: [string, string][] = [];
  for (const writers of [1, 8, 64]) {
    const count = writers === 1 ? 300 : 2_000;
    const perSecond = await rate(count, writers, (i) => send('POST', podsPath, pod(`pod-${writers}-${i}`)));
    rows.push([`pods created a second, ${writers} at a time`, perSecond.toFixed(0)]);
  }
  rows.push(['one pod read, ms', (await typical(200, () => send('GET', `${podsPath}/pod-1-1`))).toFixed(2)]);
  rows.push(['4,300 pods listed, ms', (await typical(9, () => send('GET', podsPath))).toFixed(1)]);
  rows.push(['write seen by 50 watchers, ms', (await fanOut(server, 50, send)).toFixed(2)]);
  agent.destroy();
  await server.stop();
  console.log(table(rows));
}

const pod = (name: string) => ({
  metadata: { name, labels: { app: 'bench' } },
  spec: {
    containers: [{ name: 'c', image: 'registry.k8s.io/serve_hostname', ports: [{ containerPort: 9376 }] }],
  },
});

async function call(
  server: TestApiserver,
  agent: Agent,
  method: string,
  path: string,
  body?: object,
): Promise<void> {
  const text = body && JSON.stringify(body);
  const headers = text
    ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    : {};
  const outgoing = request({ socketPath: server.socket, agent, method, path, headers });
  outgoing.end(text);
  const [response] = await once(outgoing, 'response');
  response.resume();
  await once(response, 'end');
  if (response.statusCode >= 300) throw new Error(`${method} ${path}: HTTP ${response.statusCode}`);
}

/** Operations a second, `width` of them under way at any time. */
async function rate(count: number, width: number, operation: (i: number) => Promise<void>): Promise<number> {
  let next = 0;
  const start = performance.now();
  const worker = async () => {
    while (next < count) await operation(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return (count / (performance.now() - start)) * 1000;
}

async function typical(times: number, operation: () => Promise<void>): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    await operation();
    taken.push(performance.now() - start);
  }
  return median(taken);
}

/** From sending a write until the last of so many watchers has its event. */
async function fanOut(
  server: TestApiserver,
  watchers: number,
  send: (method: string, path: string, body: object) => Promise<void>,
): Promise<number> {
  const path = `${mapsPath}?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`;
  const streams = await Promise.all(
    Array.from({ length: watchers }, async () => {
      const [response] = await once(get({ socketPath: server.socket, path }), 'response');
      return response;
    }),
  );
  let round = 0;
  const time = await typical(50, async () => {
    const seen = Promise.all(streams.map((stream) => once(stream, 'data')));
    await send('POST', mapsPath, { metadata: { name: `round-${round++}` } });
    await seen;
  });
  for (const stream of streams) stream.destroy();
  return time;
}
