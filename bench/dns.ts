import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startApi } from './dns/api.ts';
import { benchChanges } from './dns/changes.ts';
import { drive } from './dns/dnsperf.ts';
import { type Load, loads, objects } from './dns/load.ts';
import { cpuOf, echo, memoryOf, ours, type Server, serverAt } from './dns/servers.ts';
import { table } from './statistics.ts';

const seconds = 5;

/**
 * `npm run bench -- dns [--server HOST:PORT]`: dnsperf against a server that is there already and serves the objects
 * that `npm run bench -- dns objects` prints; without an address, against ours. Beside it in the same run a server
 * that sends every packet back. `--workers COUNT`: ours follows an API, with so many threads. `--changes`: how soon a
 * change of the API shows in our answers.
 */
export async function bench(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { server: { type: 'string' }, changes: { type: 'boolean' }, workers: { type: 'string' } },
    allowPositionals: true,
  });
  const [first] = positionals;
  if (first === 'objects') {
    console.log(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects() }));
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'v9s-bench-dns-'));
  const started: ChildProcess[] = [];
  try {
    if (values.changes) await benchChanges(folder, started);
    else if (values.workers) await benchWorkers(Number(values.workers), folder, started);
    else {
      const address = values.server ?? first;
      const server = address === undefined ? await ours(folder, started) : serverAt(address);
      await benchQueries(server, folder, started);
    }
    console.log(`load averages of the machine at the end: ${loadavg().map((value) => value.toFixed(1))}`);
  } finally {
    for (const child of started) child.kill();
    rmSync(folder, { recursive: true });
  }
}

async function benchWorkers(workers: number, folder: string, started: ChildProcess[]): Promise<void> {
  const { api, kubeconfig } = await startApi(folder);
  try {
    await benchQueries(await ours(folder, started, { kubeconfig, workers }), folder, started);
  } finally {
    await api.stop();
  }
}

async function benchQueries(server: Server, folder: string, started: ChildProcess[]): Promise<void> {
  const limit = await echo(started);
  const rows: [string, ...string[]][] = [
    ['', 'µs a query', 'of the echo', 'queries/s', 'lost', 'RSS', 'PSS'],
  ];
  const idle = memoryOf(server);
  for (const [name, load] of Object.entries(loads)) {
    await drive(server, name, load, { folder, seconds: 1 }); // warms it up
    const bare = await measure(limit, 'echo', { queries: load.queries }, folder);
    const one = await measure(server, name, load, folder);
    const { resident, share } = memoryOf(server);
    const figures = [one.cpu.toFixed(1), (one.cpu / bare.cpu).toFixed(2), one.perSecond.toFixed(0)];
    rows.push([name, ...figures, String(one.lost), resident, share]);
    rows.push(['  echo', bare.cpu.toFixed(1), '1.00', bare.perSecond.toFixed(0), String(bare.lost), '', '']);
  }
  console.log(table(rows));
  console.log(
    `process ${server.pid}: ${idle.resident} MB resident (${idle.share} its share) before the first query; µs are user and system time`,
  );
}

async function measure(
  server: Server,
  name: string,
  load: Pick<Load, 'queries' | 'how'> & { rcodes?: string[] },
  folder: string,
) {
  const before = cpuOf(server);
  const run = await drive(server, name, load, { folder, seconds });
  return { ...run, cpu: ((cpuOf(server) - before) * 1e6) / run.completed };
}
