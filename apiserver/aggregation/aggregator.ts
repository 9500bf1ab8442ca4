import { resources } from '../../api/scheme.ts';
import type { APIService } from '../../api/types.ts';
import type { Registry } from '../registry/registry.ts';
import type { Cache } from '../storage/cache.ts';
import type { ProxyClientTls } from './services.ts';

/** The group versions that other servers serve behind this one. */
export interface Aggregator {
  /** The APIService of a group version that is somebody else's. */
  find(group: string, version: string): APIService | undefined;
  /** All of them; empty in most clusters. */
  services(): readonly APIService[];
  tls: ProxyClientTls | undefined;
}

export interface AggregatorOptions {
  cache: Cache;
  registry: Registry;
  /** Without it servers are asked, and cannot know that it is an apiserver who does. */
  tls: ProxyClientTls | undefined;
  now(): Date;
  onError(error: unknown): void;
}

/** Milliseconds between looks at servers that nothing was heard of. Upstream: 30 s of resync. */
const pause = 30_000;

/**
 * Follows the APIServices that name a Service (KEP-263). Where there are none this costs a look at each change of an
 * APIService, which are rare.
 */
export async function followApiServices(
  { cache, registry, tls, now, onError }: AggregatorOptions,
  signal: AbortSignal,
): Promise<Aggregator> {
  let remote: APIService[] = [];
  let timer: NodeJS.Timeout | undefined;
  let looks = false;
  let again = false;
  const stops: (() => void)[] = [];
  let follows = false;

  function read(): void {
    const all = cache.list(resources.apiservices).map(({ object }) => object as APIService);
    remote = all.filter(({ spec }) => spec?.service);
    if (remote.length > 0) void followServers().then(look, onError);
  }

  /** Endpoints and Services are followed from the first server on. */
  async function followServers(): Promise<void> {
    if (follows) return;
    follows = true;
    for (const kind of [resources.endpoints, resources.services] as const) {
      const isTheirs = (name: string | undefined, namespace: string | undefined) =>
        remote.some(({ spec }) => spec?.service?.name === name && spec?.service?.namespace === namespace);
      stops.push(
        await cache.watch(kind, cache.revision, (changes) => {
          const objects = changes.map((one) => (one.now ?? one.before)?.object.metadata);
          if (objects.some((metadata) => isTheirs(metadata?.name, metadata?.namespace))) look();
        }),
      );
    }
  }

  /** Looks at all, once more where something changed meanwhile, and again after a while. */
  function look(): void {
    again = true;
    if (looks) return;
    looks = true;
    lookAtAll()
      .catch(onError)
      .finally(() => {
        looks = false;
        clearTimeout(timer);
        if (remote.length > 0 && !signal.aborted) timer = setTimeout(look, pause).unref();
      });
  }

  async function lookAtAll(): Promise<void> {
    const { lookAt, writeCondition } = await import('./available.ts');
    while (again && !signal.aborted) {
      again = false;
      await Promise.all(
        remote.map(async (service) => {
          const found = await lookAt(service, cache.lookup, tls);
          if (!signal.aborted) await writeCondition(registry, service.metadata?.name ?? '', found, now());
        }),
      );
    }
  }

  stops.push(
    await cache.watch(resources.apiservices, cache.revision, (changes) => {
      const isRemote = (object: APIService | undefined) => object?.spec?.service !== undefined;
      const spec = (object: APIService | undefined) => JSON.stringify(object?.spec);
      const touched = changes.some(({ now: after, before }) => {
        const [a, b] = [after?.object as APIService | undefined, before?.object as APIService | undefined];
        return (isRemote(a) || isRemote(b)) && spec(a) !== spec(b);
      });
      if (touched) read();
      else if (remote.length > 0) {
        // Only what was found of them: the objects are others.
        const all = cache.list(resources.apiservices).map(({ object }) => object as APIService);
        remote = all.filter(({ spec: of }) => of?.service);
      }
    }),
  );
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    for (const stop of stops) stop();
  });
  read();
  return {
    tls,
    services: () => remote,
    find: (group, version) =>
      remote.find(({ spec }) => (spec?.group ?? '') === group && spec?.version === version),
  };
}
