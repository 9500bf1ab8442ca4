import type { Resource } from '../../api/scheme.ts';

/** Everything that the apiserver stores is below. Upstream: `--etcd-prefix`. */
export const root = '/registry/';

/** Kinds whose keys upstream does not name after the resource. Upstream: `pkg/registry/core/rest/storage_core.go`. */
const special: Record<string, string> = {
  nodes: 'minions',
  services: 'services/specs',
  endpoints: 'services/endpoints',
};

/** `/registry/pods/`, `/registry/services/specs/`; with a namespace, what lies in it. */
export function prefixOf(resource: Resource, namespace?: string): string {
  const collection = `${root}${(resource.group === '' && special[resource.name]) || resource.name}/`;
  return resource.namespaced && namespace ? `${collection}${namespace}/` : collection;
}

/** `/registry/pods/default/web`, `/registry/minions/worker`. */
export function storageKey(resource: Resource, name: string, namespace?: string): string {
  return prefixOf(resource, namespace) + name;
}
