import type { Client } from '../api/client.ts';
import type { Resource } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';

/** A kind as the server tells of it. */
export interface DiscoveredKind extends Resource {
  readonly verbs: readonly string[];
}

/** `apidiscovery.k8s.io/v2` (KEP-3352), and the documents of servers before it. */
interface Aggregated {
  items?: {
    metadata: { name?: string };
    versions: {
      version: string;
      resources: {
        resource: string;
        responseKind: { kind: string };
        scope: string;
        verbs: string[];
        singularResource: string;
      }[];
    }[];
  }[];
  groups?: { name: string; versions: { version: string }[] }[];
}

interface ResourceList {
  resources: { name: string; kind: string; namespaced: boolean; singularName: string; verbs: string[] }[];
}

const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

/**
 * Every kind that the server serves, custom and aggregated ones included, in each of its versions, the preferred one
 * first. Kinds of a group whose server does not answer are not there. Upstream: client-go `discovery`.
 */
export async function discoverKinds(client: Client): Promise<DiscoveredKind[]> {
  const roots = await Promise.all(
    ['/api', '/apis'].map((path) => client.request<Aggregated>('GET', path, undefined, { accept })),
  );
  if (roots.every(({ items }) => items)) return roots.flatMap(({ items = [] }) => items.flatMap(rowsOf));
  const versions = (roots[1]?.groups ?? []).flatMap(({ name, versions }) =>
    versions.map(({ version }) => ({ group: name, version })),
  );
  const lists = await Promise.all(
    [{ group: '', version: 'v1' }, ...versions].map(async ({ group, version }) => {
      try {
        const path = group ? `/apis/${group}/${version}` : `/api/${version}`;
        const { resources } = await client.request<ResourceList>('GET', path);
        return resources.map(({ singularName: singular, ...one }) => ({
          ...one,
          group,
          version,
          singular,
          type: one.kind,
        }));
      } catch (error) {
        if (hasReason(error, 'ServiceUnavailable') || hasReason(error, 'NotFound')) return [];
        throw error;
      }
    }),
  );
  return lists.flat().filter(({ name }) => !name.includes('/'));
}

/** One row of each kind that has all of the verbs, in its preferred version. */
export function kindsWith(kinds: readonly DiscoveredKind[], verbs: readonly string[]): DiscoveredKind[] {
  const able = kinds.filter((kind) => verbs.every((verb) => kind.verbs.includes(verb)));
  return [...Map.groupBy(able, ({ group, name }) => `${group}/${name}`).values()].flatMap(
    ([first]) => first ?? [],
  );
}

function rowsOf({ metadata, versions }: NonNullable<Aggregated['items']>[number]): DiscoveredKind[] {
  return versions.flatMap(({ version, resources }) =>
    resources.map(({ resource: name, responseKind: { kind }, scope, verbs, singularResource: singular }) => {
      const namespaced = scope === 'Namespaced';
      return { group: metadata.name ?? '', version, name, kind, type: kind, namespaced, verbs, singular };
    }),
  );
}
