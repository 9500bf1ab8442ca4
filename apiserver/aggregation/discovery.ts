import type { APIService } from '../../api/types.ts';
import type { Lookup } from '../registry/strategy.ts';
import { askServer } from './ask.ts';
import { isAvailable, type ProxyClientTls } from './services.ts';

interface Group {
  name: string;
  versions: { groupVersion: string; version: string }[];
  preferredVersion: { groupVersion: string; version: string } | undefined;
}

/** The groups of `/apis` with those of other servers; who serves several versions says which comes first. */
export function withGroups(groups: readonly Group[], services: readonly APIService[]): Group[] {
  const all = new Map(groups.map((group) => [group.name, { ...group, versions: [...group.versions] }]));
  const priority = ({ spec }: APIService) => spec?.versionPriority ?? 0;
  for (const { spec } of services.toSorted((a, b) => priority(b) - priority(a))) {
    const { group: name = '', version = '' } = spec ?? {};
    const group = all.get(name) ?? { name, versions: [], preferredVersion: undefined };
    const groupVersion = `${name}/${version}`;
    if (!group.versions.some((one) => one.version === version))
      group.versions.push({ groupVersion, version });
    group.preferredVersion ??= group.versions[0];
    all.set(name, group);
  }
  return [...all.values()];
}

export interface AggregatedGroup {
  metadata: { name: string };
  versions: { version: string; resources?: unknown[]; freshness?: string }[];
}

/** The groups of other servers as aggregated discovery has them (KEP-3352), asked of them each time. */
export async function aggregatedGroups(
  services: readonly APIService[],
  lookup: Lookup,
  tls: ProxyClientTls | undefined,
): Promise<AggregatedGroup[]> {
  const found = await Promise.all(
    services.map(async (service) => {
      const { group = '', version = '' } = service.spec ?? {};
      const resources = isAvailable(service) ? await resourcesOf(service, lookup, tls) : undefined;
      const freshness = resources ? 'Current' : 'Stale';
      return { group, version: { version, ...(resources ? { resources } : {}), freshness } };
    }),
  );
  const groups = new Map<string, AggregatedGroup>();
  for (const { group, version } of found) {
    const known = groups.get(group) ?? { metadata: { name: group }, versions: [] };
    known.versions.push(version);
    groups.set(group, known);
  }
  return [...groups.values()];
}

interface ListedResource {
  name: string;
  singularName?: string;
  namespaced: boolean;
  kind: string;
  group?: string;
  version?: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
}

/** From the plain list, which every server has. Undefined where it does not answer. */
async function resourcesOf(
  service: APIService,
  lookup: Lookup,
  tls: ProxyClientTls | undefined,
): Promise<object[] | undefined> {
  const { group = '', version = '' } = service.spec ?? {};
  let listed: ListedResource[];
  try {
    const path = `/apis/${group}/${version}`;
    const { code, document } = await askServer(service, path, 'application/json', lookup, tls);
    if (code !== 200) return undefined;
    listed = (document as { resources?: ListedResource[] }).resources ?? [];
  } catch {
    // It went away between two looks: what it serves is called stale, as upstream does.
    return undefined;
  }
  const kindOf = (one: ListedResource) => ({
    group: one.group ?? group,
    version: one.version ?? version,
    kind: one.kind,
  });
  return listed
    .filter(({ name }) => !name.includes('/'))
    .map((one) => {
      const parts = listed.filter(({ name }) => name.startsWith(`${one.name}/`));
      return {
        resource: one.name,
        responseKind: kindOf(one),
        scope: one.namespaced ? 'Namespaced' : 'Cluster',
        singularResource: one.singularName ?? '',
        verbs: one.verbs,
        ...(one.shortNames ? { shortNames: one.shortNames } : {}),
        ...(one.categories ? { categories: one.categories } : {}),
        ...(parts.length > 0
          ? {
              subresources: parts.map((part) => ({
                subresource: part.name.slice(one.name.length + 1),
                responseKind: kindOf(part),
                verbs: part.verbs,
              })),
            }
          : {}),
      };
    });
}
