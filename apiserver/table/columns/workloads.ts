import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  PodDisruptionBudget,
  PodTemplateSpec,
  ReplicaSet,
  StatefulSet,
} from '../../../api/types.ts';
import type { Column } from '../../registry/strategy.ts';
import {
  ageColumn,
  column,
  formatLabels,
  formatSelector,
  imagesOf,
  nameColumn,
  namesOf,
  orNone,
  wide,
} from './common.ts';

interface Workload {
  spec?: { template?: PodTemplateSpec };
}

/** What kinds with a template show of it with `-o wide`. */
export const templateColumns: readonly Column<Workload>[] = [
  wide('Containers', 'Names of each container in the template.', ({ spec }) =>
    namesOf(spec?.template?.spec?.containers),
  ),
  wide('Images', 'Images referenced by each container in the template.', ({ spec }) =>
    imagesOf(spec?.template?.spec?.containers),
  ),
];

/** Columns of Deployments. Upstream: `printDeployment` in `pkg/printers/internalversion/printers.go`. */
export const deploymentColumns: readonly Column<Deployment>[] = [
  nameColumn,
  column(
    'Ready',
    'Number of the pod with ready state',
    ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
  ),
  column('Up-to-date', 'Pods that have the present template.', ({ status }) => status?.updatedReplicas ?? 0),
  column(
    'Available',
    'Pods that have been ready for long enough.',
    ({ status }) => status?.availableReplicas ?? 0,
  ),
  ageColumn,
  ...templateColumns,
  wide('Selector', 'Selects the pods of this Deployment.', ({ spec }) => formatSelector(spec?.selector)),
];

/** Columns of ReplicaSets. */
export const replicaSetColumns: readonly Column<ReplicaSet>[] = [
  nameColumn,
  column('Desired', 'Pods wanted.', ({ spec }) => spec?.replicas ?? 0, 'integer'),
  column('Current', 'Pods there are.', ({ status }) => status?.replicas ?? 0, 'integer'),
  column('Ready', 'Pods that are ready.', ({ status }) => status?.readyReplicas ?? 0, 'integer'),
  ageColumn,
  ...templateColumns,
  wide('Selector', 'Selects the pods of this ReplicaSet.', ({ spec }) =>
    orNone(formatSelector(spec?.selector)),
  ),
];

/** Columns of StatefulSets. */
export const statefulSetColumns: readonly Column<StatefulSet>[] = [
  nameColumn,
  column(
    'Ready',
    'Number of the pod with ready state',
    ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
  ),
  ageColumn,
  ...templateColumns,
];

/** Columns of DaemonSets. */
export const daemonSetColumns: readonly Column<DaemonSet>[] = [
  nameColumn,
  column(
    'Desired',
    'Nodes that should run a pod.',
    ({ status }) => status?.desiredNumberScheduled ?? 0,
    'integer',
  ),
  column(
    'Current',
    'Nodes that should and do.',
    ({ status }) => status?.currentNumberScheduled ?? 0,
    'integer',
  ),
  column('Ready', 'Nodes whose pod is ready.', ({ status }) => status?.numberReady ?? 0, 'integer'),
  column(
    'Up-to-date',
    'Nodes whose pod has the present template.',
    ({ status }) => status?.updatedNumberScheduled ?? 0,
    'integer',
  ),
  column(
    'Available',
    'Nodes whose pod has been ready for long enough.',
    ({ status }) => status?.numberAvailable ?? 0,
    'integer',
  ),
  column('Node Selector', 'Labels that a node must have.', ({ spec }) =>
    formatLabels(spec?.template?.spec?.nodeSelector),
  ),
  ageColumn,
  ...templateColumns,
  wide('Selector', 'Selects the pods of this DaemonSet.', ({ spec }) => formatSelector(spec?.selector)),
];

/** Columns of ControllerRevisions. */
export const controllerRevisionColumns: readonly Column<ControllerRevision>[] = [
  nameColumn,
  column('Controller', 'Whose history it belongs to.', ({ metadata }) => {
    const owner = metadata?.ownerReferences?.find(({ controller }) => controller);
    if (!owner) return '<none>';
    const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
    return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
  }),
  column('Revision', 'Its place in the history.', ({ revision }) => revision, 'integer'),
  ageColumn,
];

/** Columns of PodDisruptionBudgets. */
export const podDisruptionBudgetColumns: readonly Column<PodDisruptionBudget>[] = [
  nameColumn,
  column('Min Available', 'How many pods must stay available.', ({ spec }) =>
    String(spec?.minAvailable ?? 'N/A'),
  ),
  column('Max Unavailable', 'How many pods may be unavailable.', ({ spec }) =>
    String(spec?.maxUnavailable ?? 'N/A'),
  ),
  column(
    'Allowed Disruptions',
    'How many pods may be evicted now.',
    ({ status }) => status?.disruptionsAllowed ?? 0,
    'integer',
  ),
  ageColumn,
];
