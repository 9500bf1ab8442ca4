import type { Deployment, ReplicaSet } from '../../../api/types.ts';
import type { Column } from '../../registry/strategy.ts';
import { ageColumn, column, formatSelector, imagesOf, nameColumn, namesOf, orNone, wide } from './common.ts';

type Workload = Deployment | ReplicaSet;

const templateColumns: readonly Column<Workload>[] = [
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
