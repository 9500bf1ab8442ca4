import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Client } from '../api/client.ts';
import type { KubeObject } from '../api/object.ts';
import { parseCorefile } from './corefile/parse.ts';
import type { Log, Surroundings } from './plugin.ts';
import { createHttpPool, type HttpPool } from './server/http.ts';
import { createInstance, type Instance } from './server/instance.ts';
import { createListeners } from './server/listeners.ts';
import { createMetrics } from './server/metrics.ts';
import { type Replica, withReplicas } from './server/replicas.ts';

export interface DnsConfig {
  /** The Corefile's path; it is read again when the `reload` plugin finds it changed. */
  corefile?: string;
  /** The Corefile itself, in place of a file. */
  corefileText?: string;
  /** For server blocks that name no port; default 53. */
  port?: number;
  /** Reaches the API; asked for by the kubernetes plugin, unless there are {@link objects}. */
  client?: () => Client;
  /** Serve these objects with no API at all. */
  objects?: readonly KubeObject[] | undefined;
  /** Threads that share the ports; they are started by the caller once this server has its own. */
  replicas?: () => readonly Replica[];
  /** This is one of those threads: with the ports of the first, and its pages shown by it. */
  replica?: { ports: ReadonlyMap<string, number>; pages: HttpPool };
  /** Default: CoreDNS' lines on standard output. */
  log?: Log;
}

/** A running server. */
export interface Dns {
  /** By `HOST:PORT` of the Corefile (`:53`): the port that was bound, which differs for port 0. */
  readonly ports: ReadonlyMap<string, number>;
  /** The same for the pages of `health`, `ready` and `prometheus`. */
  readonly httpPorts: ReadonlyMap<string, number>;
  /** Reads the Corefile again and serves what it says now; a bad one changes nothing and is thrown. A replica is told the ports. */
  reload(ports?: ReadonlyMap<string, number>): Promise<void>;
  /** Resolves when everything is closed; rejects when the server had to stop by itself, as `loop` makes it. */
  readonly ended: Promise<void>;
}

/** Upstream's Corefile for a folder without one. */
const defaultCorefile = '. {\n  whoami\n  log\n}\n';

/**
 * Serves DNS by a Corefile until `signal` fires (and the lameduck time of `health` is over). Resolves when it
 * answers. Throws `CorefileError` for a wrong Corefile, system errors for a port that is taken.
 */
export async function startDns(config: DnsConfig, { signal }: { signal: AbortSignal }): Promise<Dns> {
  const { corefile, corefileText, port = 53, log = standardLog } = config;
  const { replicas, replica } = config;
  const http = replica?.pages ?? (replicas ? withReplicas(createHttpPool(), replicas) : createHttpPool());
  const metrics = createMetrics();
  let fixed = replica?.ports;
  const listeners = createListeners(log, {
    shared: replicas !== undefined || replica !== undefined,
    fixed: (key) => fixed?.get(key),
  });
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => {}); // whoever cares asks `ended`
  let watch: NodeJS.Timeout | undefined;
  let loaded = '';
  let running: Instance | undefined;

  const read = () =>
    corefile === undefined ? (corefileText ?? defaultCorefile) : readFileSync(corefile, 'utf8');

  function surroundings(): Surroundings & { interval?: number } {
    return {
      client: config.client ?? noClient,
      ...(config.objects ? { objects: config.objects } : {}),
      http,
      metrics,
      log,
      readiness: new Map(),
      localAddresses,
      fatal: (error) => void stop(error),
      watchCorefile(interval) {
        this.interval = interval;
      },
    };
  }

  async function load(next: string): Promise<void> {
    const around = surroundings();
    const instance = createInstance(next, corefile ?? 'Corefile', port, around);
    const previous = running;
    try {
      await instance.start();
      await listeners.serve(instance);
    } catch (error) {
      await instance.stop(false);
      http.trim();
      throw error;
    }
    running = instance;
    loaded = fingerprintOf(next, corefile);
    instance.serving();
    await previous?.stop(false);
    http.trim();
    clearInterval(watch);
    for (const other of replicas?.() ?? []) await other.reload(listeners.ports);
    if (around.interval !== undefined && corefile !== undefined && !replica)
      watch = setInterval(() => void reloadIfChanged(), around.interval).unref();
  }

  async function reloadIfChanged(): Promise<void> {
    try {
      const next = read();
      if (fingerprintOf(next, corefile) === loaded) return;
      log.info('Reloading');
      await load(next);
      log.info('Reloading complete');
    } catch (error) {
      log.error(`Corefile could not be reloaded: ${(error as Error).message}`);
    }
  }

  async function stop(error?: Error): Promise<void> {
    clearInterval(watch);
    await running?.stop(true);
    listeners.close();
    http.trim();
    if (error) ended.reject(error);
    else ended.resolve();
  }

  await load(read());
  if (signal.aborted) await stop();
  else signal.addEventListener('abort', () => void stop(), { once: true });
  return {
    ports: listeners.ports,
    httpPorts: http.ports,
    reload(ports) {
      if (ports) fixed = ports;
      return load(read());
    },
    ended: ended.promise,
  };
}

/** Differs when the Corefile does, or a file that it imports, or a variable of the environment in it. */
function fingerprintOf(text: string, file = 'Corefile'): string {
  return JSON.stringify(parseCorefile(text, file).map(({ keys, directives }) => [keys, [...directives]]));
}

/** CoreDNS' own lines: information on standard output, errors too. */
const standardLog: Log = {
  info: (text) => console.log(`[INFO] ${text}`),
  warning: (text) => console.log(`[WARNING] ${text}`),
  error: (text) => console.log(`[ERROR] ${text}`),
  plain: (text) => console.log(text),
};

function noClient(): Client {
  throw new Error('the kubernetes plugin needs an API server or a list of objects');
}

function localAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => address);
}
