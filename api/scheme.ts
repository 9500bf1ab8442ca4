import { admissionKinds } from './kinds/admission.ts';
import { batchKinds } from './kinds/batch.ts';
import { coreKinds } from './kinds/core.ts';
import { networkingKinds } from './kinds/networking.ts';
import { betaUntil125, rbacBeta, row } from './kinds/row.ts';
import { storageKinds } from './kinds/storage.ts';
import { workloadKinds } from './kinds/workload.ts';
import type { KubeObject } from './object.ts';
import type {
  Binding,
  CertificateSigningRequest,
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  ControllerRevision,
  CoreEvent,
  CustomResourceDefinition,
  DaemonSet,
  Deployment,
  EndpointSlice,
  Endpoints,
  Lease,
  Namespace,
  Node,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  Role,
  RoleBinding,
  Secret,
  Service,
  ServiceAccount,
  ServiceCIDR,
  StatefulSet,
} from './types.ts';

/**
 * One row of the scheme: how a kind is called on the wire. `T` only carries the object's type to
 * the client and informers; nothing of it exists at run time.
 */
export interface Resource<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, as in the URL: `endpointslices`. */
  readonly name: string;
  readonly singular: string;
  readonly kind: string;
  /** Name of the type in `schema.json`. */
  readonly type: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
  /** `all` makes `kubectl get all` list it. */
  readonly categories?: readonly string[];
  /** True where `status` is a subresource of its own. */
  readonly status?: boolean;
  /** True where `scale` is a subresource. */
  readonly scale?: boolean;
  /** True where objects can be looked for, not made. */
  readonly readOnly?: boolean;
  /** What a client that still uses the kind is told, upstream's words; absent for most. */
  readonly deprecation?: string;
  /** Other group versions with the same fields, which are the same objects under another name. */
  readonly alsoServed?: readonly OtherVersion[];
  /** Of a custom kind whose lists are called otherwise than `KINDList`. */
  readonly listKind?: string;
  /** Of a group version whose fields are others than those of the stored one. */
  readonly converted?: true;
  /** Of a custom kind: the row of the version that it is stored in, or the row itself. */
  readonly stored?: Resource;
  /** Phantom: ties the row to its object type. */
  readonly object?: T;
}

/** A group version that a kind is served in beside the one it is stored in. */
export interface OtherVersion {
  /** Absent: the kind's own. */
  readonly group?: string;
  readonly version: string;
  /** What a client that uses it is told, upstream's words. */
  readonly deprecation?: string;
  /** Where the fields are others: see `apiserver/registry/kinds/versions.ts`, and the name of the type. */
  readonly converted?: true;
  readonly type?: string;
  /** Absent: the kind's own. Of another group they would make `kubectl get all` list the kind twice. */
  readonly categories?: readonly string[];
  readonly shortNames?: readonly string[];
}

/**
 * The kinds that components of this project know, by plural name. Those that only the apiserver knows have their row beside
 * their rules: see `apiserver/registry/kinds/rows.ts`.
 */
export const resources = {
  namespaces: row<Namespace>({
    group: '',
    name: 'namespaces',
    kind: 'Namespace',
    namespaced: false,
    shortNames: ['ns'],
    status: true,
  }),
  nodes: row<Node>({
    group: '',
    name: 'nodes',
    kind: 'Node',
    namespaced: false,
    shortNames: ['no'],
    status: true,
  }),
  pods: row<Pod>({
    group: '',
    name: 'pods',
    kind: 'Pod',
    namespaced: true,
    shortNames: ['po'],
    categories: ['all'],
    status: true,
  }),
  services: row<Service>({
    group: '',
    name: 'services',
    kind: 'Service',
    namespaced: true,
    shortNames: ['svc'],
    categories: ['all'],
    status: true,
  }),
  endpoints: row<Endpoints>({
    group: '',
    name: 'endpoints',
    singular: 'endpoints',
    kind: 'Endpoints',
    namespaced: true,
    shortNames: ['ep'],
    deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  }),
  events: row<CoreEvent>({
    group: '',
    name: 'events',
    kind: 'Event',
    type: 'CoreEvent',
    namespaced: true,
    shortNames: ['ev'],
    alsoServed: [
      { group: 'events.k8s.io', version: 'v1', type: 'EventsEvent', converted: true },
      {
        group: 'events.k8s.io',
        version: 'v1beta1',
        type: 'EventsEvent',
        converted: true,
        deprecation:
          'events.k8s.io/v1beta1 Event is deprecated in v1.19+, unavailable in v1.25+; use events.k8s.io/v1 Event',
      },
    ],
  }),
  configmaps: row<ConfigMap>({
    group: '',
    name: 'configmaps',
    kind: 'ConfigMap',
    namespaced: true,
    shortNames: ['cm'],
  }),
  secrets: row<Secret>({ group: '', name: 'secrets', kind: 'Secret', namespaced: true }),
  serviceaccounts: row<ServiceAccount>({
    group: '',
    name: 'serviceaccounts',
    kind: 'ServiceAccount',
    namespaced: true,
    shortNames: ['sa'],
  }),
  deployments: row<Deployment>({
    group: 'apps',
    name: 'deployments',
    kind: 'Deployment',
    namespaced: true,
    shortNames: ['deploy'],
    categories: ['all'],
    status: true,
    scale: true,
  }),
  replicasets: row<ReplicaSet>({
    group: 'apps',
    name: 'replicasets',
    kind: 'ReplicaSet',
    namespaced: true,
    shortNames: ['rs'],
    categories: ['all'],
    status: true,
    scale: true,
  }),
  statefulsets: row<StatefulSet>({
    group: 'apps',
    name: 'statefulsets',
    kind: 'StatefulSet',
    namespaced: true,
    shortNames: ['sts'],
    categories: ['all'],
    status: true,
    scale: true,
  }),
  daemonsets: row<DaemonSet>({
    group: 'apps',
    name: 'daemonsets',
    kind: 'DaemonSet',
    namespaced: true,
    shortNames: ['ds'],
    categories: ['all'],
    status: true,
    alsoServed: [
      {
        group: 'extensions',
        version: 'v1beta1',
        deprecation:
          'extensions/v1beta1 DaemonSet is deprecated in v1.14+, unavailable in v1.16+; use apps/v1 DaemonSet',
        categories: [],
        shortNames: [],
      },
    ],
  }),
  controllerrevisions: row<ControllerRevision>({
    group: 'apps',
    name: 'controllerrevisions',
    kind: 'ControllerRevision',
    namespaced: true,
  }),
  ...batchKinds,
  poddisruptionbudgets: row<PodDisruptionBudget>({
    group: 'policy',
    name: 'poddisruptionbudgets',
    kind: 'PodDisruptionBudget',
    namespaced: true,
    shortNames: ['pdb'],
    status: true,
    ...betaUntil125('policy', 'PodDisruptionBudget'),
  }),
  endpointslices: row<EndpointSlice>({
    group: 'discovery.k8s.io',
    name: 'endpointslices',
    kind: 'EndpointSlice',
    namespaced: true,
    ...betaUntil125('discovery.k8s.io', 'EndpointSlice', { converted: true }),
  }),
  leases: row<Lease>({ group: 'coordination.k8s.io', name: 'leases', kind: 'Lease', namespaced: true }),
  servicecidrs: row<ServiceCIDR>({
    group: 'networking.k8s.io',
    name: 'servicecidrs',
    kind: 'ServiceCIDR',
    namespaced: false,
    status: true,
  }),
  roles: row<Role>({
    group: 'rbac.authorization.k8s.io',
    name: 'roles',
    kind: 'Role',
    namespaced: true,
    ...rbacBeta('Role'),
  }),
  rolebindings: row<RoleBinding>({
    group: 'rbac.authorization.k8s.io',
    name: 'rolebindings',
    kind: 'RoleBinding',
    namespaced: true,
    ...rbacBeta('RoleBinding'),
  }),
  clusterroles: row<ClusterRole>({
    group: 'rbac.authorization.k8s.io',
    name: 'clusterroles',
    kind: 'ClusterRole',
    namespaced: false,
    ...rbacBeta('ClusterRole'),
  }),
  clusterrolebindings: row<ClusterRoleBinding>({
    group: 'rbac.authorization.k8s.io',
    name: 'clusterrolebindings',
    kind: 'ClusterRoleBinding',
    namespaced: false,
    ...rbacBeta('ClusterRoleBinding'),
  }),
  certificatesigningrequests: row<CertificateSigningRequest>({
    group: 'certificates.k8s.io',
    name: 'certificatesigningrequests',
    kind: 'CertificateSigningRequest',
    namespaced: false,
    shortNames: ['csr'],
    status: true,
    alsoServed: [
      {
        version: 'v1beta1',
        type: 'V1beta1CertificateSigningRequest',
        converted: true,
        deprecation:
          'certificates.k8s.io/v1beta1 CertificateSigningRequest is deprecated in v1.19+, unavailable in v1.22+; use certificates.k8s.io/v1 CertificateSigningRequest',
      },
    ],
  }),
  customresourcedefinitions: row<CustomResourceDefinition>({
    group: 'apiextensions.k8s.io',
    name: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    namespaced: false,
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    status: true,
    alsoServed: [
      {
        version: 'v1beta1',
        type: 'V1beta1CustomResourceDefinition',
        converted: true,
        deprecation:
          'apiextensions.k8s.io/v1beta1 CustomResourceDefinition is deprecated in v1.16+, unavailable in v1.22+; use apiextensions.k8s.io/v1 CustomResourceDefinition',
      },
    ],
  }),
  ...coreKinds,
  ...workloadKinds,
  ...networkingKinds,
  ...storageKinds,
  ...admissionKinds,
} as const satisfies Record<string, Resource>;

/** Posted to `pods/NAME/binding` by the scheduler; never stored. */
export type { Binding };

/** The rows as a list, in the order of the table. */
export const allResources: readonly Resource[] = Object.values(resources);

/** `v1`, or `apps/v1`. */
export function apiVersionOf(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group ? `${resource.group}/${resource.version}` : resource.version;
}

/** The URL path of a collection: `/api/v1/namespaces/default/pods`, `/apis/apps/v1/deployments`. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group ? `/apis/${resource.group}/${resource.version}` : `/api/${resource.version}`;
  const scope = resource.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.name}`;
}

/** The row of an apiVersion and kind, or undefined. */
export function resourceOf(apiVersion: string, kind: string): Resource | undefined {
  return allResources.find((resource) => resource.kind === kind && apiVersionOf(resource) === apiVersion);
}
