import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createClient } from '../../api/client.ts';
import { inClusterConfig } from '../../api/in-cluster.ts';
import { type Dns, type DnsConfig, startDns } from '../../dns/main.ts';
import { plugins } from '../../dns/plugins/order.ts';
import {
  createPages,
  createReplica,
  parseWorkers,
  type Replica,
  serveReplica,
} from '../../dns/server/replicas.ts';

/**
 * The DNS server as a program, with CoreDNS' own flags and two more:
 * `dns.cjs [-conf FILE] [-dns.port PORT] [-version] [-plugins] [--kubeconfig FILE] [--workers COUNT]`.
 */
const flags = {
  conf: { type: 'string' },
  'dns.port': { type: 'string', default: '53' },
  kubeconfig: { type: 'string' },
  /** Threads that share the ports. */
  workers: { type: 'string', default: '1' },
  quiet: { type: 'boolean' },
  pidfile: { type: 'string' },
  plugins: { type: 'boolean' },
  version: { type: 'boolean' },
} as const;

/** Go's flag package takes one dash or two, and `-p` for `-dns.port`. */
function readFlags() {
  const args = process.argv
    .slice(2)
    .map((arg) => arg.replace(/^-(?=[a-z][a-z.]+)/, '--').replace(/^-p(?==|$)/, '--dns.port'));
  return parseArgs({ args, options: flags, strict: true }).values;
}

async function main(): Promise<void> {
  const { conf, 'dns.port': port, kubeconfig, workers, ...asked } = readFlags();
  if (asked.version) {
    console.log(`CoreDNS-1.12.0\n${process.platform}/${process.arch}, node ${process.version}, vethernetes`);
    return;
  }
  if (asked.plugins) {
    console.log(['Server types:', '  dns', '', 'Other plugins:', ...names()].join('\n'));
    return;
  }
  if (!/^\d+$/.test(port) || Number(port) > 65_535)
    throw new Error(`-dns.port: ${port} is not a port; give a number from 0 to 65535`);
  const count = parseWorkers(workers);
  const end = new AbortController();
  const replicas: Replica[] = [];
  let started = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      console.log(`[INFO] ${signal}: Shutting down servers then terminating`);
      if (!started) process.exit(0); // it waits for the API, and answers nobody yet
      end.abort();
    });
  const dns = await startDns(
    { ...(await configOf(conf, port, kubeconfig)), ...(count > 1 ? { replicas: () => replicas } : {}) },
    { signal: end.signal },
  );
  for (let i = 1; i < count; i++)
    replicas.push(
      await createReplica(
        new Worker(new URL(import.meta.url), {
          argv: process.argv.slice(2),
          workerData: { ports: dns.ports },
        }),
      ),
    );
  started = true;
  if (!asked.quiet) announce(dns);
  process.once('SIGUSR1', () => void reload(dns));
  const stopped = Promise.withResolvers<void>();
  end.signal.addEventListener('abort', () => {
    Promise.all(replicas.map(({ stop }) => stop())).then(() => stopped.resolve(), stopped.reject);
  });
  await Promise.race([dns.ended, ...replicas.map(({ ended }) => ended)]);
  if (end.signal.aborted) await stopped.promise;
}

/** What the flags say, for the first thread and for the others. */
async function configOf(conf: string | undefined, port: string, kubeconfig: string | undefined) {
  const corefile = conf ?? (existsSync('Corefile') ? 'Corefile' : undefined);
  // The YAML parser that kubeconfigs need is half of the program: load it only where it is asked for.
  const { loadKubeconfig } = kubeconfig === undefined ? {} : await import('../../api/kubeconfig.ts');
  return {
    ...(corefile === undefined ? {} : { corefile }),
    port: Number(port),
    client: () => createClient(loadKubeconfig?.(kubeconfig ?? '') ?? inClusterConfig()),
  };
}

/** What a thread is told beside the flags: the ports that the first has, and what `v9s dns` has made itself. */
interface ReplicaData {
  ports: ReadonlyMap<string, number>;
  config?: Pick<DnsConfig, 'corefileText' | 'objects'>;
}

/** One of the other threads: on the ports that the first has, with pages that the first shows. */
async function replica({ ports, config }: ReplicaData): Promise<void> {
  const { conf, 'dns.port': port, kubeconfig } = readFlags();
  const end = new AbortController();
  const pages = createPages();
  const dns = await startDns(
    { ...(await configOf(conf, port, kubeconfig)), ...config, replica: { ports, pages } },
    { signal: end.signal },
  );
  if (!parentPort) throw new Error('this is not a thread of another');
  serveReplica(parentPort, {
    show: pages.show,
    reload: dns.reload,
    async stop() {
      end.abort();
      await dns.ended;
    },
  });
  await dns.ended;
}

function announce(dns: Dns): void {
  for (const [address, port] of dns.ports)
    console.log(`listening on ${address.replace(/:\d+$/, '')}:${port}`);
  console.log('CoreDNS-1.12.0');
}

async function reload(dns: Dns): Promise<void> {
  try {
    await dns.reload();
    console.log('[INFO] Reloading complete');
  } catch (error) {
    console.error(`[ERROR] SIGUSR1: ${(error as Error).message}`);
  }
}

function names(): string[] {
  return plugins.map(({ name }) => `  dns.${name}`).sort();
}

const ending = isMainThread ? main() : replica(workerData);
ending.then(
  () => isMainThread && process.exit(0),
  (error: Error) => {
    if (!isMainThread) throw error; // the first thread ends with it
    console.error(error.message);
    process.exit(1);
  },
);
