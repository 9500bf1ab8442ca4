import type { Client } from '../api/client.ts';
import { type KubeObject, keyOf } from '../api/object.ts';
import { allResources, type Resource, resourceOf } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import type { APIGroupList, APIResourceList } from '../api/types.ts';
import { matchTarget, unknownTarget } from './manifest.ts';

/** The row of an object's kind: of the scheme, else by discovery, as the API may serve kinds that this project does not know. */
export async function findResource(client: Client, object: KubeObject): Promise<Resource> {
  const { apiVersion = '', kind = '' } = object;
  const known = resourceOf(apiVersion, kind);
  if (known) return known;
  const found = (await rowsOf(client, apiVersion)).find((row) => row.kind === kind);
  if (!found) throw new Error(`${keyOf(object)}: no matches for kind "${kind}" in version "${apiVersion}"`);
  return found;
}

/** Whether the project has a type of a kind: of others nobody knows how lists are merged. */
export const isKnown = (resource: Resource): boolean => allResources.includes(resource);

/** As `parseTarget`, with the kinds that the API discovers where the scheme has none of that name. */
export async function findTarget(
  client: Client,
  target: string,
): Promise<{ resource: Resource; name?: string }> {
  const known = matchTarget(allResources, target);
  if (known) return known;
  const { groups } = await client.request<APIGroupList>('GET', '/apis');
  const ours = new Set(allResources.map(({ group }) => group));
  const others = groups.filter(({ name }) => !ours.has(name));
  const versions = others.flatMap(({ preferredVersion, versions: [first] }) => {
    const { groupVersion } = preferredVersion ?? first ?? {};
    return groupVersion ? [groupVersion] : [];
  });
  const rows = (await Promise.all(versions.map((version) => rowsOf(client, version)))).flat();
  const found = matchTarget(rows, target);
  if (!found) throw unknownTarget([...allResources, ...rows], target);
  return found;
}

/** All kinds of a group version; none where it is not served, or its server does not answer. */
async function rowsOf(client: Client, apiVersion: string): Promise<Resource[]> {
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const path = group ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  let resources: APIResourceList['resources'];
  try {
    ({ resources } = await client.request<APIResourceList>('GET', path));
  } catch (error) {
    if (hasReason(error, 'NotFound') || hasReason(error, 'ServiceUnavailable')) return [];
    throw error;
  }
  return resources
    .filter(({ name }) => !name.includes('/'))
    .map(({ name, singularName, kind, namespaced, shortNames }) => ({
      ...{ group, version, name, kind, namespaced, type: kind, singular: singularName },
      ...(shortNames ? { shortNames } : {}),
    }));
}
