import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Family } from '../../api/address.ts';
import type { Client } from '../../api/client.ts';
import { type KubeObject, keyOf } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import { statusError } from '../../api/status.ts';
import { CommandError, type Kernel } from '../../kernel/run.ts';
import { type KubeProxyConfiguration, proxyConfiguration } from '../configuration.ts';
import type { SyncResult } from '../dataplane.ts';
import { type DataplaneProcess, startDataplane } from '../main.ts';
import { createMemoryApi, type MemoryApi } from './client.ts';
import { linesBetween } from './fuzz.ts';
import { type Change, createReplay } from './history.ts';
import { createModelKernel } from './modelkernel.ts';
import { service, slice } from './objects.ts';
import { type Backend, type BackendName, backends } from './standing.ts';

/** A kernel whose next write somebody else gets in before. */
export interface Meddler {
  readonly kernel: Kernel;
  /** Does this right before the next command that changes rules; resolves when it has been done. */
  beforeNextWrite(meddle: () => Promise<unknown>): Promise<void>;
  /** Commands that there are none of at the moment. */
  missing: RegExp | undefined;
  /** Commands that change rules, so far. */
  writes(): number;
}

const isWrite = (file: string, args: readonly string[]) =>
  /(-restore|^ipset)$/.test(file) ||
  (file === 'ipvsadm' && args[0] === '--restore') ||
  (file === 'nft' && args.includes('-f')) ||
  (file === 'ip' && args.includes('-batch'));

export function meddleWith(kernel: Kernel): Meddler {
  let next: (() => Promise<unknown>) | undefined;
  let count = 0;
  async function meddle(): Promise<void> {
    count++;
    const now = next;
    next = undefined;
    await now?.();
  }
  const meddler: Meddler = {
    missing: undefined,
    kernel: {
      ...kernel,
      async run(file, args, options) {
        if (
          meddler.missing?.test(
            [file, ...args]
              .join(' ')
              .replace(/^nft -j/, 'nft')
              .trim(),
          )
        )
          throw new CommandError({ file, args }, undefined, '', 'command not found');
        if (isWrite(file, args)) await meddle();
        return kernel.run(file, args, options);
      },
      async open(file, args) {
        const session = await kernel.open?.(file, args);
        if (!session) throw new Error('no sessions');
        return {
          ...session,
          async send(text, mark) {
            await meddle();
            return session.send(text, mark);
          },
        };
      },
    },
    beforeNextWrite: (how) =>
      new Promise((resolve, reject) => {
        next = () => how().then(() => resolve(), reject);
      }),
    writes: () => count,
  };
  return meddler;
}

/** An API that can be away. What happened meanwhile it does not tell event by event, as one that was started anew. */
export interface FragileApi extends MemoryApi {
  away(): void;
  back(): void;
}

export function createFragileApi(): FragileApi {
  const api = createMemoryApi();
  let outage = new AbortController();
  let isAway = false;
  const refused = () => new Error('connect ECONNREFUSED 172.18.0.2:6443');
  const check = () => {
    if (isAway) throw refused();
  };
  const client: Client = {
    ...api.client,
    list(resource, options) {
      check();
      return api.client.list(resource, options);
    },
    async *watch(resource, options = {}) {
      check();
      if (!options.sendInitialEvents) throw statusError('Expired', 'too old resource version');
      const signal = AbortSignal.any([outage.signal, ...(options.signal ? [options.signal] : [])]);
      try {
        yield* api.client.watch(resource, { ...options, signal });
      } catch (error) {
        throw outage.signal.aborted ? refused() : error;
      }
    },
  };
  return {
    ...api,
    client,
    away() {
      isAway = true;
      outage.abort();
      outage = new AbortController();
    },
    back() {
      isAway = false;
    },
  };
}

/** A running proxy with what it said and did. */
export interface ChaosRun {
  readonly api: FragileApi;
  readonly meddler: Meddler;
  readonly running: DataplaneProcess;
  readonly log: string[];
  readonly syncs: SyncResult[];
  put(...objects: KubeObject[]): void;
  remove(kind: Change['kind'], key: string): void;
  /** Resolves when what stands in the kernel is what a new proxy would write, in both families; rejects with what differs. */
  converged(): Promise<void>;
  /** Resolves when the log, from line `since` on, has this. */
  said(what: RegExp, since?: number): Promise<void>;
  /** Stops the proxy and leaves what it wrote. */
  stop(): Promise<void>;
  /** The same, and takes it out. */
  end(): Promise<void>;
}

const resourceOf = {
  Service: resources.services,
  EndpointSlice: resources.endpointslices,
  Node: resources.nodes,
} as const;

/** Milliseconds that anything may take on a machine that is busy. */
const patience = 30_000;

/** Starts a proxy on these objects in both families. It looks at the kernel by itself only when it has reason to. */
export async function startChaos(
  kernel: Kernel,
  name: BackendName,
  objects: readonly KubeObject[],
  {
    configuration: more = {},
    api = createFragileApi(),
  }: { configuration?: KubeProxyConfiguration; api?: FragileApi } = {},
): Promise<ChaosRun> {
  const backend: Backend = backends[name];
  // Only what is asked for is looked at: nothing gets well by waiting.
  const never = { syncPeriod: '1h' };
  const { nftables } = backend.configuration;
  const configuration: KubeProxyConfiguration = {
    clusterCIDR: '10.244.0.0/16,fd00:244::/32',
    iptables: never,
    ipvs: never,
    nftables: { ...nftables, ...never },
    ...more,
  };
  const meddler = meddleWith(kernel);
  const world = new Map<string, Change>();
  const log: string[] = [];
  const syncs: SyncResult[] = [];
  const stop = new AbortController();

  function put(...some: KubeObject[]): void {
    for (const object of some) {
      const [kind, key] = [object.kind as Change['kind'], keyOf(object)];
      world.set(`${kind} ${key}`, { kind, key, object });
      api.put(resourceOf[kind], object);
    }
  }
  put(...objects);
  const running = await startDataplane(
    {
      client: api.client,
      kernel: meddler.kernel,
      nodeName: 'worker',
      mode: backend.mode,
      configuration,
      log: (line) => log.push(line),
      onSync: (sync) => syncs.push(sync),
    },
    { signal: stop.signal },
  );

  async function wanted(family: Family): Promise<string[]> {
    const empty = createModelKernel();
    const local = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    const replay = createReplay(
      family,
      backend.mode === 'ipvs' ? local.map(({ address }) => address) : undefined,
    );
    replay.apply({ what: 'all', changes: [...world.values()] });
    const whole = proxyConfiguration({ ...configuration, mode: backend.mode });
    await backend.create({ kernel: empty, family, configuration: whole }).sync(replay.state());
    return backend.standing(empty, family);
  }

  async function difference(): Promise<string> {
    const parts: string[] = [];
    for (const family of ['IPv4', 'IPv6'] as const) {
      const parted = linesBetween(await backend.standing(kernel, family), await wanted(family));
      if (parted) parts.push(`${family}:\n${parted}`);
    }
    return parts.join('\n');
  }

  return {
    api,
    meddler,
    running,
    log,
    syncs,
    put,
    remove(kind, key) {
      world.delete(`${kind} ${key}`);
      api.remove(resourceOf[kind], key);
    },
    async converged() {
      let left = await difference();
      for (const began = performance.now(); left && performance.now() - began < patience; ) {
        await delay(50);
        left = await difference();
      }
      if (left) throw new Error(`${name} did not converge:\n${left}\nit said:\n${log.join('\n')}`);
    },
    async said(what, since = 0) {
      for (const began = performance.now(); !what.test(log.slice(since).join('\n')); await delay(20))
        if (performance.now() - began > patience)
          throw new Error(`${name} did not say ${what}, but:\n${log.slice(since).join('\n')}`);
    },
    async stop() {
      stop.abort();
    },
    async end() {
      stop.abort();
      await running.cleanup();
    },
  };
}

/**
 * A thousand changes in a second: fifty Services and their endpoints, ten times over. Resolves when the kernel has the
 * last of them, which answers at 10.96.1.50:89 from pod2.
 *
 * @returns how many commands that change rules it took, and what takes the Services away again
 */
export async function thousandChanges(run: ChaosRun): Promise<{ writes: number; undo(): Promise<void> }> {
  const before = run.meddler.writes();
  const names = Array.from({ length: 50 }, (_, i) => `many/s${i}`);
  for (let round = 0; round < 10; round++) {
    for (const [i, key] of names.entries()) {
      const ports = [{ name: 'p80', port: 80 + round }];
      run.put(service(key, { clusterIP: `10.96.1.${i + 1}`, ports }));
      run.put(slice(key, [`10.244.1.${5 + (round % 2)}`], { port: 9376 }));
    }
    await delay(100);
  }
  await run.converged();
  return {
    writes: run.meddler.writes() - before,
    undo() {
      for (const key of names) {
        run.remove('Service', key);
        run.remove('EndpointSlice', `${key}-a`);
      }
      return run.converged();
    },
  };
}
