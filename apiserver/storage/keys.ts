import type { Resource } from '../../api/scheme.ts';
import { allResources } from '../registry/kinds/rows.ts';

/** Everything that the apiserver stores is below. Upstream: `--etcd-prefix`. */
export const root = '/registry/';

/**
 * Kinds whose keys upstream does not name after the resource alone, by group and name. Upstream:
 * `pkg/kubeapiserver/default_storage_factory_builder.go` (`SpecialDefaultResourcePrefixes`); what its extension
 * servers keep, as all custom resources, has the group in front (`SimpleRestOptionsFactory`).
 */
const special: Readonly<Record<string, string>> = {
  '/nodes': 'minions',
  '/services': 'services/specs',
  '/endpoints': 'services/endpoints',
  '/replicationcontrollers': 'controllers',
  'networking.k8s.io/ingresses': 'ingress',
  'apiextensions.k8s.io/customresourcedefinitions': 'apiextensions.k8s.io/customresourcedefinitions',
  'apiregistration.k8s.io/apiservices': 'apiregistration.k8s.io/apiservices',
};

/** Where versions before this one kept what is elsewhere now. */
export const formerKeys: readonly { from: string; to: string }[] = [
  {
    from: `${root}customresourcedefinitions/`,
    to: `${root}apiextensions.k8s.io/customresourcedefinitions/`,
  },
];

/** A lease for each apiserver that serves. Upstream: `pkg/controlplane/reconcilers/lease.go`. */
export const masterLeases = `${root}masterleases/`;
/** Upstream: `pkg/registry/core/service/ipallocator` (KEP-1880). */
export const ipAddresses = `${root}ipaddresses/`;
/** Upstream: `pkg/registry/core/service/portallocator`. */
export const nodePortRange = `${root}ranges/servicenodeports`;

const qualified = ({ group, name }: Resource): string => `${group}/${name}`;
const builtIn: ReadonlySet<string> = new Set(allResources.map(qualified));

/** `/registry/pods/`, `/registry/services/specs/`, `/registry/example.com/widgets/`; with a namespace, what lies in it. */
export function prefixOf(resource: Resource, namespace?: string): string {
  const name = qualified(resource);
  const collection = `${root}${special[name] ?? (builtIn.has(name) ? resource.name : name)}/`;
  return resource.namespaced && namespace ? `${collection}${namespace}/` : collection;
}

/** `/registry/pods/default/web`, `/registry/minions/worker`. */
export function storageKey(resource: Resource, name: string, namespace?: string): string {
  return prefixOf(resource, namespace) + name;
}
