import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type Connection, type Endpoint, openConnection } from './apiserver/connection.ts';
import { median, table } from './statistics.ts';

const width = 32;
const count = 2_000;

/**
 * `[URL]`: what an apiserver does in a second, over TLS, with ConfigMaps and Services: one of ours in a process of its
 * own, or the one at URL (`TOKEN` in the environment says as whom). What it makes, it removes.
 */
export async function bench([url]: readonly string[]): Promise<void> {
  const own = url ? undefined : fork(new URL('apiserver/server.ts', import.meta.url));
  const endpoint: Endpoint = own
    ? await once(own, 'message').then(([told]) => ({ ...told, url: new URL(told.url) }))
    : { url: new URL(url ?? ''), ...(process.env.TOKEN ? { token: process.env.TOKEN } : {}) };
  const connections = await Promise.all(Array.from({ length: width }, () => openConnection(endpoint)));
  try {
    const rows: [string, string][] = [];
    for (const kind of ['configmaps', 'services'] as const) {
      for await (const [name, value] of measure(kind, endpoint, connections)) {
        rows.push([`${kind}: ${name}`, value]);
        if (own?.pid && name.startsWith('delete')) rows.push(['resident memory, MB', residentOf(own.pid)]);
      }
    }
    console.log(table(rows));
  } finally {
    for (const connection of connections) connection.close();
    own?.disconnect();
  }
}

const bodies = {
  configmaps: (name: string) =>
    JSON.stringify({ metadata: { name, labels: { app: 'bench' } }, data: { key: 'value'.repeat(40) } }),
  services: (name: string) =>
    JSON.stringify({
      metadata: { name, labels: { app: 'bench' } },
      spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 9376 }] },
    }),
};

async function* measure(
  kind: keyof typeof bodies,
  endpoint: Endpoint,
  connections: readonly Connection[],
): AsyncGenerator<[string, string]> {
  const path = `/api/v1/namespaces/default/${kind}`;
  const [first] = connections as [Connection];
  const create = (connection: Connection, name: string) =>
    expectCode(connection, 'POST', path, bodies[kind](name));
  const each = (times: number, operation: (connection: Connection, i: number) => Promise<unknown>) =>
    rate(connections, times, operation);

  yield ['create, 32 at once, /s', await each(count, (one, i) => create(one, `bench-${i}`))];
  const get = (one: Connection, i: number) => expectCode(one, 'GET', `${path}/bench-${i % count}`);
  yield ['get, one at a time, /s', await rate([first], 2_000, get)];
  yield ['get, 32 at once, /s', await each(10_000, get)];
  let size = 0;
  const list = async (one: Connection) => {
    size = (await expectCode(one, 'GET', path)).length;
  };
  yield ['list of 2,000, /s', await rate([first], 50, list)];
  yield ['list of 2,000, MB', (size / 1e6).toFixed(1)];
  yield ['create to watch event, p50 / p99, ms', await latencies(endpoint, path, first, create)];
  yield ['200 watchers × 200 events, events/s', await fanOut(endpoint, path, connections, create)];
  yield [
    'delete, 32 at once, /s',
    await each(count, (one, i) => expectCode(one, 'DELETE', `${path}/bench-${i}`)),
  ];
  for (const name of [...names('late', 200), ...names('fan', 200)]) {
    await expectCode(first, 'DELETE', `${path}/${name}`);
  }
}

const names = (what: string, many: number) => Array.from({ length: many }, (_, i) => `bench-${what}-${i}`);

async function expectCode(
  connection: Connection,
  method: string,
  path: string,
  body?: string,
): Promise<Buffer> {
  const answer = await connection.send(method, path, body);
  if (answer.code >= 300) throw new Error(`${method} ${path}: HTTP ${answer.code}: ${answer.body}`);
  return answer.body;
}

/** Operations a second, one on each connection at any time. */
async function rate(
  connections: readonly Connection[],
  times: number,
  operation: (connection: Connection, i: number) => Promise<unknown>,
): Promise<string> {
  let next = 0;
  const start = performance.now();
  await Promise.all(
    connections.map(async (connection) => {
      while (next < times) await operation(connection, next++);
    }),
  );
  return Math.round((times / (performance.now() - start)) * 1000).toLocaleString('en');
}

const watchOf = (path: string) => `${path}?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`;

async function latencies(
  endpoint: Endpoint,
  path: string,
  writer: Connection,
  create: (connection: Connection, name: string) => Promise<unknown>,
): Promise<string> {
  const watcher = await openConnection(endpoint);
  let told = () => {};
  let name = '';
  await watcher.stream(watchOf(path), (bytes) => {
    if (name && bytes.includes(`"${name}"`)) told();
  });
  const taken: number[] = [];
  for (name of names('late', 200)) {
    const seen = new Promise<void>((resolve) => {
      told = resolve;
    });
    const start = performance.now();
    const created = create(writer, name);
    await seen;
    taken.push(performance.now() - start);
    await created;
  }
  watcher.close();
  const p99 = taken.toSorted((a, b) => a - b)[Math.floor(taken.length * 0.99)] ?? 0;
  return `${median(taken).toFixed(1)} / ${p99.toFixed(1)}`;
}

/** From the first write until every watcher has heard of all. */
async function fanOut(
  endpoint: Endpoint,
  path: string,
  connections: readonly Connection[],
  create: (connection: Connection, name: string) => Promise<unknown>,
): Promise<string> {
  const watchers = await Promise.all(Array.from({ length: 200 }, () => openConnection(endpoint)));
  let missing = 200 * 200;
  const { promise: complete, resolve } = Promise.withResolvers<void>();
  const mark = Buffer.from('{"type":"ADDED"');
  for (const watcher of watchers) {
    let rest = Buffer.alloc(0);
    await watcher.stream(watchOf(path), (bytes) => {
      const all = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes;
      let at = 0;
      for (let found = all.indexOf(mark); found >= 0; found = all.indexOf(mark, at)) {
        missing--;
        at = found + mark.length;
      }
      rest = Buffer.from(all.subarray(Math.max(at, all.length - mark.length + 1)));
      if (missing <= 0) resolve();
    });
  }
  const start = performance.now();
  await rate(connections, 200, (one, i) => create(one, `bench-fan-${i}`));
  await complete;
  const seconds = (performance.now() - start) / 1000;
  for (const watcher of watchers) watcher.close();
  return Math.round((200 * 200) / seconds).toLocaleString('en');
}

function residentOf(pid: number): string {
  const pages = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(pages) / 1024).toFixed(0);
}
