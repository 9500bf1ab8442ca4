import { customResources } from '../../api/custom-resources.ts';
import { type Resource, resources } from '../../api/scheme.ts';
import type { CustomResourceDefinition } from '../../api/types.ts';
import type { Registry } from '../registry/registry.ts';
import type { Strategy } from '../registry/strategy.ts';
import type { Cache } from '../storage/cache.ts';
import type { JSONSchemaProps } from './schema/schema.ts';

/** The kinds that CustomResourceDefinitions describe, as they are served at this moment. */
export interface CustomKinds {
  find(group: string, version: string, plural: string): Resource | undefined;
  strategyOf(resource: Resource): Strategy | undefined;
  /** Every version that is served; another list whenever something changed. */
  served(): readonly Resource[];
  schemaOf(resource: Resource): JSONSchemaProps | undefined;
  /** While definitions are being looked at: resolves when what they say is served. */
  readonly settled: Promise<void> | undefined;
  /** Serves what is defined already; `registry` is what conditions are written through. */
  begin(registry: Registry): Promise<void>;
}

/** One custom kind with all of its versions. */
export interface CustomKind {
  /** What it was made from. */
  definition: CustomResourceDefinition;
  /** Under which objects are stored. */
  stored: Resource;
  versions: readonly CustomVersion[];
  /** Ends the watches of its objects. */
  end(): void;
}

export interface CustomVersion {
  resource: Resource;
  served: boolean;
  strategy: Strategy;
  schema: JSONSchemaProps | undefined;
}

export interface KindsOptions {
  cache: Cache;
  now(): Date;
  onError(error: unknown): void;
}

/**
 * Follows the CustomResourceDefinitions. Where there are none this costs a look at an empty list: what else it takes
 * is loaded with the first of them.
 */
export function followDefinitions(options: KindsOptions, signal: AbortSignal): CustomKinds {
  const { cache, onError } = options;
  const kinds = new Map<string, CustomKind>();
  let byPath = new Map<string, Resource>();
  let versions = new Map<Resource, CustomVersion>();
  let served: readonly Resource[] = [];
  let settled: Promise<void> | undefined;

  function changed(): void {
    const all = [...kinds.values()].flatMap((kind) => kind.versions);
    versions = new Map(all.map((version) => [version.resource, version]));
    served = all.filter((one) => one.served).map(({ resource }) => resource);
    byPath = new Map(served.map((row) => [`${row.group}/${row.version}/${row.name}`, row]));
  }

  /** Definitions are looked at one after another, so that no two get the same name. */
  function look(registry: Registry, names: readonly string[]): Promise<void> {
    const turn = (settled ?? Promise.resolve())
      .then(async () => {
        const { reconcileDefinition } = await import('./reconcile.ts');
        for (const name of names)
          await reconcileDefinition({ ...options, registry, kinds, changed, signal }, name);
      })
      .catch(onError)
      .finally(() => {
        if (settled === turn) settled = undefined;
      });
    settled = turn;
    return turn;
  }

  return {
    find: (group, version, plural) => byPath.get(`${group}/${version}/${plural}`),
    strategyOf: (resource) => versions.get(resource)?.strategy,
    schemaOf: (resource) => versions.get(resource)?.schema,
    served: () => served,
    get settled() {
      return settled;
    },
    async begin(registry) {
      const nameOf = (entry: { object: CustomResourceDefinition } | undefined) =>
        entry?.object.metadata?.name;
      await cache.watch(resources.customresourcedefinitions, cache.revision, (changes) => {
        const names = changes.map(({ now, before }) =>
          nameOf((now ?? before) as { object: CustomResourceDefinition } | undefined),
        );
        void look(registry, [...new Set(names.filter((name) => name !== undefined))]);
      });
      const present = cache.list(resources.customresourcedefinitions);
      if (present.length > 0)
        await look(
          registry,
          present.map(({ object }) => object.metadata?.name ?? ''),
        );
    },
  };
}

/** The row under which the objects of a definition are stored. */
export function storedRow(definition: CustomResourceDefinition): Resource | undefined {
  return [...customResources(definition).values()].find((row) => row.stored === row);
}
