import type { ClusterRole } from '../../../../api/types.ts';
import { clusterRole, groups, read, readWrite, rule, urls, write } from './rule.ts';

/** Roles for people. Upstream: `bootstrappolicy/policy.go`. */

const aggregateTo = (role: string) => ({ [`${groups.rbac}/aggregate-to-${role}`]: 'true' });

/** Whose rules the aggregation controller fills in. */
const aggregated = (name: string, into?: string): ClusterRole => ({
  metadata: { name, ...(into ? { labels: aggregateTo(into) } : {}) },
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregateTo(name) }] },
});

const streams = 'pods/attach pods/exec pods/portforward pods/proxy';
const workloads =
  'daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale';
const workloadStatus = 'daemonsets/status deployments/status replicasets/status statefulsets/status';
const health = '/healthz /livez /readyz';

export const userRoles = (): ClusterRole[] => [
  clusterRole('cluster-admin', [rule('*', 'any', '*'), { verbs: ['*'], nonResourceURLs: ['*'] }]),
  clusterRole('system:discovery', [
    urls(`${health} /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*`),
  ]),
  clusterRole('system:monitoring', [urls(`${health} /healthz/* /livez/* /readyz/* /metrics /metrics/slis`)]),
  clusterRole('system:basic-user', [
    rule('create', 'authorization', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
    rule('create', 'authentication', 'selfsubjectreviews'),
  ]),
  clusterRole('system:public-info-viewer', [urls(`${health} /version /version/`)]),
  aggregated('admin'),
  aggregated('edit', 'admin'),
  aggregated('view', 'edit'),
  clusterRole(
    'system:aggregate-to-admin',
    [
      rule('create', 'authorization', 'localsubjectaccessreviews'),
      rule(readWrite, 'rbac', 'rolebindings roles'),
    ],
    aggregateTo('admin'),
  ),
  clusterRole(
    'system:aggregate-to-edit',
    [
      // Through these one comes to act as others do, so that `view` does not have them.
      rule(read, 'core', `${streams} secrets services/proxy`),
      rule('impersonate', 'core', 'serviceaccounts'),
      rule(write, 'core', `pods ${streams}`),
      rule('create', 'core', 'pods/eviction'),
      rule(
        write,
        'core',
        'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
      ),
      rule('create', 'core', 'serviceaccounts/token'),
      rule(write, 'apps', `${workloads} deployments/rollback`),
      rule(write, 'autoscaling', 'horizontalpodautoscalers'),
      rule(write, 'batch', 'cronjobs jobs'),
      rule(
        write,
        'extensions',
        'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale',
      ),
      rule(write, 'policy', 'poddisruptionbudgets'),
      rule(write, 'networking', 'ingresses networkpolicies'),
      rule(readWrite, 'coordination', 'leases'),
    ],
    aggregateTo('edit'),
  ),
  clusterRole(
    'system:aggregate-to-view',
    [
      rule(
        read,
        'core',
        'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
      ),
      rule(
        read,
        'core',
        'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
      ),
      // In a namespace: that namespace.
      rule(read, 'core', 'namespaces'),
      rule(read, 'discovery', 'endpointslices'),
      rule(read, 'apps', `${workloads} ${workloadStatus} controllerrevisions`),
      rule(read, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
      rule(read, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
      rule(
        read,
        'extensions',
        'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale',
      ),
      rule(read, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
      rule(read, 'networking', 'ingresses ingresses/status networkpolicies'),
    ],
    aggregateTo('view'),
  ),
];
