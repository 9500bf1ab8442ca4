import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../../api/client.ts';
import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource, resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Container, Pod, PodSpec } from '../../api/types.ts';
import type { Cluster } from '../../cluster/handle.ts';

/** Where a check is made: a cluster, and a namespace that nobody else uses. */
export interface World {
  readonly cluster: Cluster;
  readonly client: Client;
  readonly namespace: string;
  /** Creates an object, in the namespace where its kind has one. */
  make<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    object: Omit<T, 'metadata'>,
    metadata?: T['metadata'],
  ): Promise<T>;
  get<T extends KubeObject>(resource: Resource<T>, name: string): Promise<T>;
  /** Undefined when there is none. */
  find<T extends KubeObject>(resource: Resource<T>, name: string): Promise<T | undefined>;
  list<T extends KubeObject>(resource: Resource<T>, labelSelector?: string): Promise<T[]>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    name: string,
    body: object,
    subresource?: string,
  ): Promise<T>;
  remove(
    resource: Resource,
    name: string,
    propagationPolicy?: 'Foreground' | 'Background' | 'Orphan',
  ): Promise<void>;
  /** Asks until the answer is neither false nor undefined. Rejects, with what was wanted, after two minutes or as told. */
  until<T>(wanted: string, ask: () => Promise<T | undefined | false>, seconds?: number): Promise<T>;
  kubectl(...args: string[]): Promise<string>;
}

/** One thing that controllers or the scheduler do; it holds when nothing is thrown. */
export interface Check {
  readonly name: string;
  run(world: World): Promise<void>;
}

export function createWorld(cluster: Cluster, namespace: string): World {
  const { client } = cluster;
  const at = (resource: Resource, name: string) => (resource.namespaced ? { name, namespace } : { name });
  const world: World = {
    cluster,
    client,
    namespace,
    make: (resource, name, object, metadata) =>
      client.create(resource, {
        apiVersion: apiVersionOf(resource),
        kind: resource.kind,
        ...object,
        metadata: { ...metadata, ...at(resource, name) },
      } as never),
    get: (resource, name) => client.get(resource, at(resource, name)),
    async find(resource, name) {
      try {
        return await world.get(resource, name);
      } catch (error) {
        if (hasReason(error, 'NotFound')) return undefined;
        throw error;
      }
    },
    async list(resource, labelSelector) {
      const scope = resource.namespaced ? { namespace } : {};
      return (await client.list(resource, { ...scope, ...(labelSelector ? { labelSelector } : {}) })).items;
    },
    patch: (resource, name, body, subresource) =>
      client.patch(
        resource,
        { ...at(resource, name), ...(subresource ? { subresource } : {}) },
        'merge',
        body,
      ),
    async remove(resource, name, propagationPolicy) {
      await client.delete(resource, at(resource, name), propagationPolicy ? { propagationPolicy } : {});
    },
    async until(wanted, ask, seconds = 120) {
      const deadline = performance.now() + seconds * 1_000;
      for (;;) {
        const answer = await ask();
        if (answer !== undefined && answer !== false) return answer;
        if (performance.now() > deadline)
          throw new Error(`within ${seconds} s it did not come to this: ${wanted}`);
        await delay(150);
      }
    },
    kubectl: async (...args) => (await cluster.kubectl(args)).stdout,
  };
  return world;
}

/** What a check asks for and does not get. */
export function expectThat(holds: boolean, wanted: string, found: unknown): void {
  if (!holds) throw new Error(`${wanted}; found: ${JSON.stringify(found).slice(0, 600)}`);
}

const pause: Container = { name: 'main', image: 'registry.k8s.io/pause:3.10' };
export const shell = (script: string): Container => ({
  name: 'main',
  image: 'busybox',
  command: ['sh', '-c', script],
});

/** A pod that runs and does nothing; it ends at once when told to. */
export const idle = (spec: Partial<PodSpec> = {}): PodSpec => ({
  terminationGracePeriodSeconds: 0,
  ...spec,
  containers: spec.containers ?? [pause],
});

/** A pod template with a label `app`. */
export const template = (app: string, spec: Partial<PodSpec> = {}) => ({
  metadata: { labels: { app } },
  spec: idle(spec),
});

export const selector = (app: string) => ({ matchLabels: { app } });

export const isReady = ({ status, metadata }: Pod): boolean =>
  !metadata?.deletionTimestamp &&
  (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');

/** Waits until exactly so many pods have the label, all Ready. */
export const readyPods = (world: World, app: string, count: number): Promise<Pod[]> =>
  world.until(`${count} ready pods of ${app}`, async () => {
    const pods = await world.list(resources.pods, `app=${app}`);
    return pods.length === count && pods.every(isReady) && pods;
  });

export const nameOf = ({ metadata }: KubeObject): string => metadata?.name ?? '';
