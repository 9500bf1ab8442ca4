import { resources } from '../../../api/scheme.ts';
import type { Service } from '../../../api/types.ts';
import type { Cache } from '../../storage/cache.ts';
import { ipAddresses, nodePortRange, prefixOf } from '../../storage/keys.ts';
import type { SharedStorage, SharedWrite, Storage, WriteResult } from '../../storage/storage.ts';
import { addressesOf, portsOf } from '../kinds/service/allocate.ts';
import { specOf } from '../kinds/service/traits.ts';
import { ipAddress, portBitmap } from './allocations.ts';

/** Another apiserver has just given away an address or port that this one chose. Choose again. */
export class AllocationRaced extends Error {}

const services = prefixOf(resources.services);
const events = prefixOf(resources.events);
/** Seconds. Upstream: `--event-ttl`. */
const eventLife = 3_600;

/**
 * What a registry writes through where other apiservers write too. A write whose expectation was wrong answers
 * once the cache shows what is there instead; events go by themselves; and a Service is written together with
 * what says that its ClusterIPs and node ports are taken, so that no two apiservers give away the same and none
 * that dies in between leaves something taken by nobody.
 *
 * @throws AllocationRaced from writes of Services
 */
export function withSharedAllocation(
  storage: SharedStorage,
  cache: Cache,
  range: string,
): Pick<Storage, 'put' | 'delete'> {
  let portsInTurn: Promise<unknown> = Promise.resolve();

  async function settled(result: WriteResult): Promise<WriteResult> {
    if (!result.ok) await cache.fresh();
    return result;
  }

  function write(key: string, value: Buffer | undefined, expected: number): Promise<WriteResult> {
    const before = current(key);
    if ((before?.revision ?? 0) !== expected)
      return Promise.resolve({ ok: false, revision: before?.revision ?? 0 });
    const service = value && (JSON.parse(value.toString('utf8')) as Service);
    const ips = difference(addressesIn(before?.object), addressesIn(service));
    const ports = difference(portsIn(before?.object), portsIn(service));
    const once = () => writeAll({ key, expected, ...(value ? { value } : {}) }, service, ips, ports);
    if (ports.added.length + ports.removed.length === 0) return once();
    // All node ports are one key; those of this process need not race for it.
    const turn = portsInTurn.then(once);
    portsInTurn = turn.catch(() => undefined);
    return turn;
  }

  function current(key: string): { revision: number; object: Service } | undefined {
    const [namespace = '', name = ''] = key.slice(services.length).split('/');
    const entry = cache.get(resources.services, name, namespace);
    return entry && { revision: entry.revision, object: entry.object as Service };
  }

  async function writeAll(
    own: SharedWrite,
    service: Service | undefined,
    ips: Difference<string>,
    ports: Difference<number>,
  ): Promise<WriteResult> {
    const orphans = new Map<string, number>();
    for (;;) {
      const claims = ips.added.map(
        (ip): SharedWrite => ({
          key: ipAddresses + ip,
          value: ipAddress(ip, service?.metadata ?? {}),
          expected: orphans.get(ip) ?? 0,
        }),
      );
      const writes = [
        own,
        ...claims,
        ...(await releases(ips.removed)),
        ...(await portWrites(own.key, ports)),
      ];
      const { ok, revisions } = await storage.write(writes);
      const [revision = 0] = revisions;
      if (ok || revision !== own.expected) return { ok, revision };
      await cache.fresh();
      for (const [index, ip] of ips.added.entries()) {
        const held = revisions[1 + index] ?? 0;
        if (held === (orphans.get(ip) ?? 0)) continue;
        // Somebody's that exists, or what an apiserver of another kind left behind.
        if (held > 0 && holderOf(ip, own.key)) throw new AllocationRaced(`address ${ip} is taken`);
        orphans.set(ip, held);
      }
    }
  }

  async function releases(ips: readonly string[]): Promise<SharedWrite[]> {
    const found = await Promise.all(ips.map((ip) => storage.range(ipAddresses + ip)));
    return found.flatMap(({ values }, index) =>
      values
        .filter(({ key }) => key === ipAddresses + ips[index])
        .map(({ key, revision }) => ({ key, expected: revision })),
    );
  }

  /** Worked out from the Services each time, so that whatever the record said before, it is right now. */
  async function portWrites(
    key: string,
    { added, removed, all }: Difference<number>,
  ): Promise<SharedWrite[]> {
    if (added.length + removed.length === 0) return [];
    const { values } = await storage.range(nodePortRange);
    const record = values.find((one) => one.key === nodePortRange);
    // In this order: what is given away after the record was read changes the record.
    await cache.fresh();
    const taken = new Set<number>();
    for (const entry of cache.list(resources.services))
      if (entry.key !== key) for (const port of portsIn(entry.object as Service)) taken.add(port);
    const raced = added.find((port) => taken.has(port));
    if (raced !== undefined) throw new AllocationRaced(`node port ${raced} is taken`);
    const value = portBitmap(range, [...taken, ...all]);
    return [{ key: nodePortRange, value, expected: record?.revision ?? 0 }];
  }

  const holderOf = (ip: string, except: string) =>
    cache
      .list(resources.services)
      .some(({ key, object }) => key !== except && addressesIn(object as Service).includes(ip));

  return {
    async put(key, value, expected) {
      if (key.startsWith(services)) return settled(await write(key, value, expected));
      const ttl = key.startsWith(events) ? { ttl: eventLife } : {};
      return settled(await storage.put(key, value, expected, ttl));
    },
    async delete(key, expected) {
      if (key.startsWith(services)) return settled(await write(key, undefined, expected));
      return settled(await storage.delete(key, expected));
    },
  };
}

interface Difference<T> {
  added: T[];
  removed: T[];
  /** What is there afterwards. */
  all: T[];
}

function difference<T>(before: readonly T[], after: readonly T[]): Difference<T> {
  return {
    added: after.filter((one) => !before.includes(one)),
    removed: before.filter((one) => !after.includes(one)),
    all: [...after],
  };
}

const addressesIn = (service: Service | undefined) => (service ? addressesOf(specOf(service)) : []);
const portsIn = (service: Service | undefined) => (service ? [...new Set(portsOf(specOf(service)))] : []);
