import { type Client, createClient } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { startDataplane } from '../../dataplane/main.ts';
import { createKernel } from '../../kernel/run.ts';
import { median } from '../statistics.ts';
import { backendOf, configurationOf, withToolsOf } from './backends.ts';
import { timed } from './changes.ts';
import { keyOf, serviceOf, sliceOf } from './objects.ts';

/** A change that is made through the API; medians in milliseconds. */
export interface Latency {
  /** Until the API answers. */
  readonly answer: number;
  /** From then until the rules are in force. */
  readonly inForce: number;
}

export interface ApiFigures {
  /** From the start of the proxy, which finds its rules there, until it has compared them all. */
  readonly start: number;
  readonly service: Latency;
  readonly endpoint: Latency;
  /** MB that this process, a proxy and nothing else but a client, has in memory, and had before it started one. */
  readonly memory: number;
  readonly memoryBefore: number;
}

const repeats = 7;
/** Milliseconds after which a change that shows no effect is a failure. */
const longest = 120_000;

/** A whole proxy on an API with `count` Services at a Unix socket; their rules stand already. */
export async function measureThroughApi(
  name: string,
  count: number,
  socketPath: string,
): Promise<ApiFigures> {
  const backend = backendOf(name);
  const stop = new AbortController();
  const client = createClient({ socketPath });
  const writes: ((at: number) => void)[] = [];
  const log: string[] = [];
  const memoryBefore = residentMegabytes();
  const start = await timed(() =>
    startDataplane(
      {
        client,
        kernel: withToolsOf(backend, createKernel()),
        nodeName: 'worker',
        mode: backend.mode,
        formerModes: [],
        configuration: configurationOf(backend),
        log: (line) => log.push(line),
        onSync: ({ text }) => {
          if (text) for (const written of writes.splice(0)) written(performance.now());
        },
      },
      { signal: stop.signal },
    ),
  );
  const nextWrite = () =>
    new Promise<number>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`nothing was written for ${longest} ms: ${log.join('; ')}`)),
        longest,
      );
      writes.push((at) => {
        clearTimeout(late);
        resolve(at);
      });
    });

  async function change(write: () => Promise<unknown>): Promise<{ answer: number; inForce: number }> {
    const written = nextWrite();
    const sent = performance.now();
    await write();
    const answered = performance.now();
    // The rules may be in force before the answer has been read.
    return { answer: answered - sent, inForce: Math.max(0, (await written) - answered) };
  }
  async function changes(there: () => Promise<unknown>, back: () => Promise<unknown>): Promise<Latency> {
    const all: Latency[] = [];
    for (let i = 0; i < repeats; i++) {
      all.push(await change(there));
      await change(back);
    }
    return {
      answer: median(all.map(({ answer }) => answer)),
      inForce: median(all.map(({ inForce }) => inForce)),
    };
  }

  const one = nameOf(count);
  await client.create(resources.endpointslices, sliceOf(count, count));
  const service = await changes(
    () => client.create(resources.services, serviceOf(count)),
    () => client.delete(resources.services, one),
  );
  await client.delete(resources.endpointslices, { ...one, name: `${one.name}-a` });
  const endpoint = await changes(
    () => patchEndpoints(client, count >> 1, count, 4),
    () => patchEndpoints(client, count >> 1, count, 3),
  );
  const memory = residentMegabytes();
  stop.abort();
  client.close();
  return { start, service, endpoint, memory, memoryBefore };
}

const residentMegabytes = () => process.memoryUsage.rss() / 2 ** 20;

function nameOf(i: number): { namespace: string; name: string } {
  const [namespace = '', name = ''] = keyOf(i).split('/');
  return { namespace, name };
}

function patchEndpoints(client: Client, i: number, count: number, endpoints: number): Promise<unknown> {
  const { namespace, name } = nameOf(i);
  const patch = { endpoints: sliceOf(i, count, endpoints).endpoints ?? [] };
  return client.patch(resources.endpointslices, { namespace, name: `${name}-a` }, 'merge', patch);
}
