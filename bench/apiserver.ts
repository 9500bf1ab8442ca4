import { parseArgs } from 'node:util';
import { type Connection, openConnection } from './apiserver/connection.ts';
import { memoryOf } from './apiserver/cost.ts';
import { type Figure, measure, width } from './apiserver/measure.ts';
import { type Measured, startGenuine, startOurs } from './apiserver/servers.ts';
import { table } from './statistics.ts';

/**
 * `[--peer] [--http2] [--store level|etcd] [URL]`: what an apiserver does in a second, over TLS, with ConfigMaps and
 * Services, and what each operation costs on the server's side and on this one's: ours in a process of its own, or the
 * one at URL (`TOKEN` in the environment says as whom). `--peer` measures a genuine kube-apiserver with etcd after
 * it, and compares; `--http2` asks that one as client-go does, at more cost here. What it makes, it removes.
 */
export async function bench(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      peer: { type: 'boolean', default: false },
      http2: { type: 'boolean', default: false },
      store: { type: 'string', default: 'level' },
    },
  });
  if (values.store !== 'level' && values.store !== 'etcd')
    throw new Error(`--store ${values.store}: level and etcd are known`);
  const etcd = values.store === 'etcd';
  const [url] = positionals;
  const first = await run(async () => (url ? elsewhere(url, values.http2) : startOurs({ etcd })));
  const second = values.peer ? await run(() => startGenuine(values.http2)) : undefined;
  console.log(second ? comparison(first, second) : single(first));
}

interface Result {
  name: string;
  figures: Figure[];
}

async function run(start: () => Promise<Measured>): Promise<Result> {
  const server = await start();
  try {
    const { name, processes } = server;
    const figures: Figure[] = [...memory('at start', processes)];
    const connections = await Promise.all(
      Array.from({ length: width }, () => openConnection(server.endpoint)),
    );
    for (const kind of ['configmaps', 'services'] as const) {
      for await (const figure of measure(kind, server, connections)) {
        figures.push({ ...figure, name: `${kind}: ${figure.name}` });
      }
      figures.push(...memory(`after the ${kind}`, processes));
    }
    connections.forEach((connection: Connection) => {
      connection.close();
    });
    return { name, figures };
  } finally {
    await server.stop();
  }
}

function elsewhere(url: string, http2: boolean): Measured {
  const { TOKEN: token } = process.env;
  return {
    name: url,
    endpoint: { url: new URL(url), http2, ...(token ? { token } : {}) },
    processes: [],
    stop: async () => {},
  };
}

/** Of the apiserver, and with its etcd. */
function memory(when: string, processes: Measured['processes']): Figure[] {
  if (processes.length === 0) return [];
  const each = processes.map(({ name, pid }) => ({ name, ...memoryOf(pid) }));
  const parts = each.map(({ now }) => now.toFixed(0)).join(' + ');
  const total = each.reduce((sum, { now }) => sum + now, 0);
  return [{ name: `resident memory ${when}, MB`, value: total, text: parts, less: true }];
}

const shown = ({ value, text }: Figure): string => text ?? Math.round(value).toLocaleString('en');

const costs = ({ cost }: Figure): [string, string] => [
  cost ? cost.server.toFixed(0) : '',
  cost ? cost.load.toFixed(0) : '',
];

function single({ name, figures }: Result): string {
  return table([
    ['', name, 'µs of a core for one', 'µs of the load'],
    ...figures.map((figure): [string, ...string[]] => [figure.name, shown(figure), ...costs(figure)]),
  ]);
}

/** `better` says how many times. */
function comparison(ours: Result, peer: Result): string {
  const rows = ours.figures.map((figure, index): [string, ...string[]] => {
    const other = peer.figures[index];
    if (!other) return [figure.name, shown(figure)];
    const times = figure.less ? other.value / figure.value : figure.value / other.value;
    return [
      figure.name,
      shown(figure),
      ...costs(figure),
      shown(other),
      ...costs(other),
      `${times.toFixed(1)}×`,
    ];
  });
  return table([
    ['', ours.name, 'server µs', 'load µs', peer.name, 'server µs', 'load µs', 'better'],
    ...rows,
  ]);
}
