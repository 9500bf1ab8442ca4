import { createHash } from 'node:crypto';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import type { APIResource } from '../../api/types.ts';
import { servedResources } from '../registry/kinds/rows.ts';
import { comparePriority } from './version-priority.ts';

/** One line of discovery: a kind, or a subresource (`name` then has a slash). */
interface Served {
  group: string;
  version: string;
  resource: APIResource;
}

const objectVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const proxyVerbs = ['create', 'delete', 'get', 'patch', 'update'];
const partVerbs = ['get', 'patch', 'update'];

/** Kinds that are answered and never stored. */
const reviews: readonly Served[] = [
  review('authentication.k8s.io', 'selfsubjectreviews', 'SelfSubjectReview', false),
  review('authentication.k8s.io', 'tokenreviews', 'TokenReview', false),
  review('authorization.k8s.io', 'localsubjectaccessreviews', 'LocalSubjectAccessReview', true),
  review('authorization.k8s.io', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', false),
  review('authorization.k8s.io', 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', false),
  review('authorization.k8s.io', 'subjectaccessreviews', 'SubjectAccessReview', false),
  review('', 'bindings', 'Binding', true),
  old(review('authentication.k8s.io', 'selfsubjectreviews', 'SelfSubjectReview', false)),
  old(review('authentication.k8s.io', 'tokenreviews', 'TokenReview', false)),
  old(review('authorization.k8s.io', 'localsubjectaccessreviews', 'LocalSubjectAccessReview', true)),
  old(review('authorization.k8s.io', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', false)),
  old(review('authorization.k8s.io', 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', false)),
  old(review('authorization.k8s.io', 'subjectaccessreviews', 'SubjectAccessReview', false)),
];

/** Those of 1.20 and 1.27 ask some of them in that version. */
function old(review: Served): Served {
  return { ...review, version: 'v1beta1' };
}

function review(group: string, name: string, kind: string, namespaced: boolean): Served {
  const resource = { name, singularName: kind.toLowerCase(), namespaced, kind, verbs: ['create'] };
  return { group, version: 'v1', resource };
}

/** In the order in which upstream lists those of custom kinds. */
const customVerbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];

function verbsOf({ name, readOnly, stored }: Resource): string[] {
  if (stored) return customVerbs;
  if (readOnly) return ['get', 'list'];
  return name === 'namespaces' ? objectVerbs.filter((verb) => verb !== 'deletecollection') : objectVerbs;
}

function linesOf(row: Resource): Served[] {
  const { group, version, name, kind, namespaced, singular, shortNames, categories } = row;
  const served = (resource: APIResource): Served => ({ group, version, resource });
  const part = (sub: string, of: Partial<APIResource> = {}) =>
    served({ name: `${name}/${sub}`, singularName: '', namespaced, kind, verbs: partVerbs, ...of });
  return [
    served({
      name,
      singularName: singular,
      namespaced,
      kind,
      verbs: verbsOf(row),
      ...(shortNames ? { shortNames: [...shortNames] } : {}),
      ...(categories ? { categories: [...categories] } : {}),
      ...(row.readOnly ? {} : { storageVersionHash: storageVersionHash(row) }),
    }),
    ...(row.status ? [part('status')] : []),
    ...(row.scale ? [part('scale', { group: 'autoscaling', version: 'v1', kind: 'Scale' })] : []),
    ...(row.stored || row.group.startsWith('metrics') ? [] : special(name)).map(([sub, of]) => part(sub, of)),
  ];
}

/** Tells storage versions apart. Upstream: `StorageVersionHash` of apiserver `pkg/endpoints/discovery`. */
function storageVersionHash({ group, version, kind }: Resource): string {
  const hash = createHash('sha256').update(`${group}/${version}/${kind}`).digest();
  return hash.subarray(0, 8).toString('base64');
}

function special(name: string): [string, Partial<APIResource>][] {
  const verbs = ['create'];
  switch (name) {
    case 'namespaces':
      return [['finalize', { verbs: ['update'] }]];
    case 'certificatesigningrequests':
      return [['approval', {}]];
    case 'nodes':
      return [['proxy', { kind: 'NodeProxyOptions', verbs: proxyVerbs }]];
    case 'services':
      return [['proxy', { kind: 'ServiceProxyOptions', verbs: proxyVerbs }]];
    case 'pods':
      return [
        ['attach', { kind: 'PodAttachOptions', verbs: ['create', 'get'] }],
        ['exec', { kind: 'PodExecOptions', verbs: ['create', 'get'] }],
        ['log', { verbs: ['get'] }],
        ['portforward', { kind: 'PodPortForwardOptions', verbs: ['create', 'get'] }],
        ['proxy', { kind: 'PodProxyOptions', verbs: proxyVerbs }],
        ['binding', { kind: 'Binding', verbs }],
        ['ephemeralcontainers', { kind: 'Pod', verbs: ['get', 'patch', 'update'] }],
        ['resize', { kind: 'Pod' }],
        ['eviction', { group: 'policy', version: 'v1', kind: 'Eviction', verbs }],
      ];
    case 'serviceaccounts':
      return [['token', { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs }]];
    default:
      return [];
  }
}

/** All that is served at one moment. */
interface Catalogue {
  lines: readonly Served[];
  groupVersions: readonly string[];
  groups: readonly string[];
}

function catalogueOf(lines: readonly Served[]): Catalogue {
  const groupVersions = [...new Set(lines.map(({ group, version }) => `${group}/${version}`))];
  const names = [...new Set(lines.map(({ group }) => group))].filter((group) => group !== '');
  const groups = names.toSorted((one, other) => rankOf(one) - rankOf(other));
  return { lines, groupVersions, groups };
}

/**
 * The group that a client takes where several have a kind of one name: the first. Upstream: `apiVersionPriorities` of
 * kube-apiserver's `pkg/controlplane/apiserver/aggregator.go`; custom kinds come last.
 */
const groupPriorities: readonly string[] = [
  ...['apiregistration.k8s.io', 'apps', 'events.k8s.io', 'authentication.k8s.io', 'authorization.k8s.io'],
  ...['autoscaling', 'batch', 'certificates.k8s.io', 'networking.k8s.io', 'policy', 'extensions'],
  ...['rbac.authorization.k8s.io', 'storage.k8s.io', 'admissionregistration.k8s.io', 'apiextensions.k8s.io'],
  ...['scheduling.k8s.io', 'coordination.k8s.io', 'node.k8s.io', 'discovery.k8s.io'],
  'flowcontrol.apiserver.k8s.io',
];

function rankOf(group: string): number {
  const rank = groupPriorities.indexOf(group);
  return rank < 0 ? groupPriorities.length : rank;
}

const builtIn = catalogueOf([...servedResources.flatMap(({ served }) => linesOf(served)), ...reviews]);
const known = new WeakMap<readonly Resource[], Catalogue>();

/** With custom kinds, whose versions come with the most stable and latest first. */
function catalogue(custom: readonly Resource[]): Catalogue {
  if (custom.length === 0) return builtIn;
  const made =
    known.get(custom) ??
    catalogueOf([
      ...builtIn.lines,
      ...custom.toSorted((a, b) => comparePriority(a.version, b.version)).flatMap(linesOf),
    ]);
  known.set(custom, made);
  return made;
}

const groupOf = ({ groupVersions }: Catalogue, name: string) => {
  const versions = groupVersions
    .filter((gv) => gv.startsWith(`${name}/`))
    .map((groupVersion) => ({ groupVersion, version: groupVersion.slice(name.length + 1) }));
  return { name, versions, preferredVersion: versions[0] };
};

/** `/api` */
export function coreVersions(address: string): object {
  const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress: address }];
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs };
}

/** `/apis` */
export function groupList(custom: readonly Resource[] = []) {
  const all = catalogue(custom);
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: all.groups.map((name) => groupOf(all, name)) };
}

/** `/apis/GROUP`, or undefined. */
export function groupDocument(name: string, custom: readonly Resource[] = []): object | undefined {
  const all = catalogue(custom);
  return all.groups.includes(name)
    ? { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(all, name) }
    : undefined;
}

/** `/api/v1`, `/apis/GROUP/VERSION`, or undefined. */
export function resourceList(
  group: string,
  version: string,
  custom: readonly Resource[] = [],
): object | undefined {
  const own = catalogue(custom).lines.filter((line) => line.group === group && line.version === version);
  if (own.length === 0) return undefined;
  const resources = own.map(({ resource }) => resource).sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group, version }),
    resources,
  };
}

/**
 * Aggregated discovery (KEP-3352): `/api` or `/apis` in one document.
 * @param version `v2`, or `v2beta1` for clients before 1.30
 */
export function aggregated(
  root: 'api' | 'apis',
  version: string,
  custom: readonly Resource[] = [],
): { body: Buffer; etag: string } {
  const { lines, groups, groupVersions } = catalogue(custom);
  const items = (root === 'api' ? [''] : groups).map((group) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: groupVersions
      .filter((gv) => gv.startsWith(`${group}/`))
      .map((gv) => gv.slice(group.length + 1))
      .map((version) => ({
        version,
        resources: aggregatedResources(lines, group, version),
        freshness: 'Current',
      })),
  }));
  const document = {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items,
  };
  const body = Buffer.from(JSON.stringify(document));
  return { body, etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` };
}

function aggregatedResources(lines: readonly Served[], group: string, version: string): object[] {
  const own = lines
    .filter((line) => line.group === group && line.version === version)
    .sort((a, b) => (a.resource.name < b.resource.name ? -1 : 1));
  const responseKind = ({ resource }: Served) => ({
    group: resource.group ?? group,
    version: resource.version ?? version,
    kind: resource.kind,
  });
  const parts = (name: string) =>
    own
      .filter(({ resource }) => resource.name.startsWith(`${name}/`))
      .map((line) => ({
        subresource: line.resource.name.slice(name.length + 1),
        responseKind: responseKind(line),
        verbs: line.resource.verbs,
      }));
  return own
    .filter(({ resource }) => !resource.name.includes('/'))
    .map((line) => {
      const { name, namespaced, singularName, verbs, shortNames, categories } = line.resource;
      const subresources = parts(name);
      return {
        resource: name,
        responseKind: responseKind(line),
        scope: namespaced ? 'Namespaced' : 'Cluster',
        singularResource: singularName,
        verbs,
        ...(shortNames ? { shortNames } : {}),
        ...(categories ? { categories } : {}),
        ...(subresources.length > 0 ? { subresources } : {}),
      };
    });
}
