import type { ClusterRole, ClusterRoleBinding, PolicyRule, RbacSubject } from '../../../../api/types.ts';

/** Short forms for tables of rules: lists are words with a space between, and come out sorted, as upstream's do. */

export const groups = {
  core: '',
  admissionregistration: 'admissionregistration.k8s.io',
  apps: 'apps',
  authentication: 'authentication.k8s.io',
  authorization: 'authorization.k8s.io',
  autoscaling: 'autoscaling',
  batch: 'batch',
  certificates: 'certificates.k8s.io',
  coordination: 'coordination.k8s.io',
  customMetrics: 'custom.metrics.k8s.io',
  discovery: 'discovery.k8s.io',
  events: 'events.k8s.io',
  extensions: 'extensions',
  externalMetrics: 'external.metrics.k8s.io',
  metrics: 'metrics.k8s.io',
  networking: 'networking.k8s.io',
  node: 'node.k8s.io',
  policy: 'policy',
  rbac: 'rbac.authorization.k8s.io',
  storage: 'storage.k8s.io',
  any: '*',
} as const;

type Group = keyof typeof groups;

export const read = 'get list watch';
export const write = 'create delete deletecollection patch update';
export const readWrite = `${read} ${write}`;
export const readUpdate = `${read} patch update`;

const words = (text: string) => text.split(' ').sort();

/** `rule('get list', 'apps extensions', 'deployments deployments/scale')`; names limit it to objects of these. */
export function rule(
  verbs: string,
  of: Group | `${Group} ${Group}`,
  resources: string,
  names = '',
): PolicyRule {
  return {
    verbs: words(verbs),
    apiGroups: of
      .split(' ')
      .map((group) => groups[group as Group])
      .sort(),
    resources: words(resources),
    ...(names ? { resourceNames: words(names) } : {}),
  };
}

export const urls = (paths: string): PolicyRule => ({ verbs: ['get'], nonResourceURLs: words(paths) });

export const writeEvents = rule('create patch update', 'core events', 'events');
export const reviewAccess = (reviews = 'subjectaccessreviews'): PolicyRule[] => [
  rule('create', 'authentication', 'tokenreviews'),
  rule('create', 'authorization', reviews),
];

/** `labels` beside those that all default roles have. */
export const clusterRole = (
  name: string,
  rules: PolicyRule[],
  labels?: Record<string, string>,
): ClusterRole => ({
  metadata: { name, ...(labels ? { labels } : {}) },
  rules,
});

export const user = (name: string): RbacSubject => ({ kind: 'User', apiGroup: groups.rbac, name });
export const group = (name: string): RbacSubject => ({ kind: 'Group', apiGroup: groups.rbac, name });
export const account = (name: string, namespace = 'kube-system'): RbacSubject => ({
  kind: 'ServiceAccount',
  namespace,
  name,
});

export const clusterBinding = (name: string, subjects: RbacSubject[], role = name): ClusterRoleBinding => ({
  metadata: { name },
  roleRef: { apiGroup: groups.rbac, kind: 'ClusterRole', name: role },
  ...(subjects.length > 0 ? { subjects } : {}),
});
