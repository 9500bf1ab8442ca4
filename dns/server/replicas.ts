import type { MessagePort, Worker } from 'node:worker_threads';
import type { HttpPool, Shown } from './http.ts';
import { addMetrics } from './metrics.ts';

/** Another thread that serves the same Corefile on the same ports, a part of the queries; it has no pages of its own. */
export interface Replica {
  /** What it would show at a page. */
  show(where: PageAddress): Promise<Shown>;
  /** Reads the Corefile again; `ports` are those of the first thread. */
  reload(ports: ReadonlyMap<string, number>): Promise<void>;
  stop(): Promise<void>;
  /** Rejects if the thread ends by itself. */
  readonly ended: Promise<never>;
}

const mostWorkers = 64;

/** Reads how many threads there shall be. Throws an Error for what is no such number, or where they cannot share a port. */
export function parseWorkers(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > mostWorkers)
    throw new Error(`--workers: ${text} is not a number of threads; give one from 1 to ${mostWorkers}`);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (count > 1 && (major < 23 || (major === 23 && minor < 1)))
    throw new Error(
      `--workers ${text}: sharing a port needs Node.js 23.1 or newer; this is ${process.version}`,
    );
  return count;
}

export interface PageAddress {
  host: string;
  port: number;
  path: string;
}

type Question =
  | { ask: 'show'; where: PageAddress }
  | { ask: 'reload'; ports: ReadonlyMap<string, number> }
  | { ask: 'stop' };
type Asked = Question & { id: number };
type Answered = { id: number; shown?: Shown | undefined; error?: string };

/** A thread's replica, as the first thread sees it; resolves when it serves. */
export async function createReplica(worker: Worker): Promise<Replica> {
  const waiting = new Map<number, PromiseWithResolvers<Shown>>();
  const started = Promise.withResolvers<Shown>();
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {}); // whoever cares asks `ended`
  waiting.set(0, started);
  let last = 0;
  const fail = (error: Error) => {
    ended.reject(error);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('a thread that answers queries has ended')));
  worker.on('message', ({ id, shown, error }: Answered) => {
    const answer = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) answer?.resolve(shown ?? nothingShown);
    else answer?.reject(new Error(error));
  });
  const ask = (question: Question): Promise<Shown> => {
    const answer = Promise.withResolvers<Shown>();
    waiting.set(++last, answer);
    worker.postMessage({ ...question, id: last } satisfies Asked);
    return answer.promise;
  };
  await started.promise;
  return {
    show: (where) => ask({ ask: 'show', where }),
    reload: async (ports) => void (await ask({ ask: 'reload', ports })),
    stop: async () => void (await ask({ ask: 'stop' })),
    ended: ended.promise,
  };
}

/** The other end of {@link createReplica}, to be called when the thread serves. */
export function serveReplica(
  port: MessagePort,
  { show, reload, stop }: Pick<Replica, 'show' | 'reload' | 'stop'>,
): void {
  const answer = async (asked: Asked): Promise<Shown | undefined> => {
    if (asked.ask === 'show') return show(asked.where);
    if (asked.ask === 'reload') await reload(asked.ports);
    else await stop();
    return undefined;
  };
  port.on('message', (asked: Asked) => {
    answer(asked).then(
      (shown) => port.postMessage({ id: asked.id, shown } satisfies Answered),
      (error: Error) => port.postMessage({ id: asked.id, error: error.message } satisfies Answered),
    );
  });
  port.postMessage({ id: 0 } satisfies Answered);
}

const nothingShown: Shown = { status: 404, body: '' };

/** Shows of all threads what one would show: the worst of their states, the sum of their counts. */
export function withReplicas(pool: HttpPool, replicas: () => readonly Replica[]): HttpPool {
  return {
    ...pool,
    serve: ({ host, port }, path, page) =>
      pool.serve({ host, port }, path, async () => {
        const others = replicas().map((replica) => replica.show({ host, port, path }));
        const all = [await page(), ...(await Promise.all(others))];
        const worst = all.reduce((a, b) => (b.status > a.status ? b : a));
        return worst.type?.includes('version=0.0.4')
          ? { ...worst, body: addMetrics(all.map(({ body }) => body)) }
          : worst;
      }),
  };
}

/** Keeps pages without a port, for {@link Replica.show}. */
export function createPages(): HttpPool & Pick<Replica, 'show'> {
  const pages = new Map<string, () => Shown | Promise<Shown>>();
  const keyOf = ({ host, port, path }: PageAddress) => `${host}:${port}${path}`;
  return {
    ports: new Map(),
    trim() {},
    async serve({ host, port }, path, page) {
      const key = keyOf({ host, port, path });
      pages.set(key, page);
      return () => {
        if (pages.get(key) === page) pages.delete(key);
      };
    },
    async show(where) {
      return (await pages.get(keyOf(where))?.()) ?? nothingShown;
    },
  };
}
