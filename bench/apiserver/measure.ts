import { median } from '../statistics.ts';
import { type Connection, openConnection } from './connection.ts';
import { cpuOf, ownCpu } from './cost.ts';
import type { Measured } from './servers.ts';

/** One thing measured. */
export interface Figure {
  name: string;
  /** Operations a second; of `text` the same to read, where that says more. */
  value: number;
  text?: string;
  /** True where less is better. */
  less?: boolean;
  /** Microseconds of a core for one operation: of the server with its database, and of this process. */
  cost?: { server: number; load: number };
}

export type Kind = 'configmaps' | 'services';

export const width = 32;
const count = 2_000;
const watchers = 200;
const changes = 200;

const bodies: Record<Kind, (name: string) => string> = {
  configmaps: (name) =>
    JSON.stringify({ metadata: { name, labels: { app: 'bench' } }, data: { key: 'value'.repeat(40) } }),
  services: (name) =>
    JSON.stringify({
      metadata: { name, labels: { app: 'bench' } },
      spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 9376 }] },
    }),
};

/** What PEERS' table has, for one kind. What it makes, it removes. */
export async function* measure(
  kind: Kind,
  server: Measured,
  connections: readonly Connection[],
): AsyncGenerator<Figure> {
  const path = `/api/v1/namespaces/default/${kind}`;
  const [first] = connections as [Connection];
  const create = (connection: Connection, name: string) =>
    expectCode(connection, 'POST', path, bodies[kind](name));
  const rate = (name: string, using: readonly Connection[], times: number, operation: Operation) =>
    timed(name, server, times, () => share(using, times, operation));

  yield await rate(`create, ${width} at once, /s`, connections, count, (one, i) => create(one, `bench-${i}`));
  const get: Operation = (one, i) => expectCode(one, 'GET', `${path}/bench-${i % count}`);
  yield await rate('get, one at a time, /s', [first], 2_000, get);
  yield await rate(`get, ${width} at once, /s`, connections, 10_000, get);
  const list =
    (query: string): Operation =>
    (one) =>
      expectCode(one, 'GET', `${path}${query}`);
  const megabytes = ((await list('')(first, 0)).length / 1e6).toFixed(1);
  yield await rate(`list of ${count} (${megabytes} MB), /s`, [first], 50, list(''));
  yield await rate('the same, resourceVersion=0, /s', [first], 50, list('?resourceVersion=0'));
  for (const [name, value] of await latencies(server, path, first, create)) {
    yield { name: `create to watch event, ${name}, ms`, value, text: value.toFixed(1), less: true };
  }
  yield await fanOut(server, path, connections, create);
  yield await rate(`delete, ${width} at once, /s`, connections, count, (one, i) =>
    expectCode(one, 'DELETE', `${path}/bench-${i}`),
  );
  for (const name of [...names('late', 200), ...names('fan', changes)]) {
    await expectCode(first, 'DELETE', `${path}/${name}`);
  }
}

type Operation = (connection: Connection, i: number) => Promise<Buffer>;

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

async function timed(
  name: string,
  { processes }: Measured,
  times: number,
  work: () => Promise<void>,
): Promise<Figure> {
  const before = { server: cpuOf(processes), load: ownCpu() };
  const start = performance.now();
  await work();
  const value = (times / (performance.now() - start)) * 1000;
  const each = (spent: number) => (spent / times) * 1000;
  return {
    name,
    value,
    cost: { server: each(cpuOf(processes) - before.server), load: each(ownCpu() - before.load) },
  };
}

/** One operation on each connection at any time. */
async function share(connections: readonly Connection[], times: number, operation: Operation): Promise<void> {
  let next = 0;
  await Promise.all(
    connections.map(async (connection) => {
      while (next < times) await operation(connection, next++);
    }),
  );
}

/** Over HTTP/1.1, where this process does least; what is measured is the server. */
const openWatcher = ({ endpoint }: Measured) => openConnection({ ...endpoint, http2: false });

/** From now on. */
async function watchFrom(first: Connection, path: string): Promise<string> {
  const { metadata } = JSON.parse((await expectCode(first, 'GET', `${path}?limit=1`)).toString());
  return `${path}?watch=1&resourceVersion=${metadata.resourceVersion}`;
}

async function latencies(
  server: Measured,
  path: string,
  writer: Connection,
  create: (connection: Connection, name: string) => Promise<unknown>,
): Promise<[string, number][]> {
  const watcher = await openWatcher(server);
  let told = () => {};
  let name = '';
  let rest = '';
  await watcher.stream(await watchFrom(writer, path), (bytes) => {
    rest += bytes.toString('latin1');
    if (name && rest.includes(`"${name}"`)) told();
    rest = rest.slice(rest.lastIndexOf('\n') + 1);
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
  return [
    ['p50', median(taken)],
    ['p99', p99],
  ];
}

/** From the first write until every watcher has heard of all. */
async function fanOut(
  server: Measured,
  path: string,
  connections: readonly Connection[],
  create: (connection: Connection, name: string) => Promise<unknown>,
): Promise<Figure> {
  const open = await Promise.all(Array.from({ length: watchers }, () => openWatcher(server)));
  const from = await watchFrom(connections[0] as Connection, path);
  let missing = watchers * changes;
  const { promise: complete, resolve } = Promise.withResolvers<void>();
  const mark = Buffer.from('{"type":"ADDED"');
  for (const watcher of open) {
    let rest = Buffer.alloc(0);
    await watcher.stream(from, (bytes) => {
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
  const name = `${watchers} watchers × ${changes} events, events/s`;
  const figure = await timed(name, server, missing, async () => {
    await share(connections, changes, async (one, i) => {
      await create(one, `bench-fan-${i}`);
      return mark;
    });
    await complete;
  });
  for (const watcher of open) watcher.close();
  return figure;
}
