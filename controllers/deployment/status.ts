import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../api/types.ts';
import { timestamp } from '../pod.ts';
import { availableReplicas, desiredReplicas, fenceposts, sum, totalReplicas } from './rolling.ts';

/** What makes no deadline: the largest int32. */
const never = 2_147_483_647;

export function hasProgressDeadline(deployment: Deployment): boolean {
  return (deployment.spec?.progressDeadlineSeconds ?? never) !== never;
}

export function newCondition(
  type: string,
  status: 'True' | 'False' | 'Unknown',
  reason: string,
  message: string,
  now: Date,
): DeploymentCondition {
  const time = timestamp(now);
  return { type, status, reason, message, lastUpdateTime: time, lastTransitionTime: time };
}

/** Puts a condition in place of the one of its type, unless status and reason stay the same. */
export function setCondition(
  conditions: readonly DeploymentCondition[],
  condition: DeploymentCondition,
): DeploymentCondition[] {
  const current = conditions.find(({ type }) => type === condition.type);
  if (current?.status === condition.status && current.reason === condition.reason) return [...conditions];
  const since = current?.status === condition.status ? current.lastTransitionTime : undefined;
  return [
    ...conditions.filter(({ type }) => type !== condition.type),
    since === undefined ? condition : { ...condition, lastTransitionTime: since },
  ];
}

/** Counts and the Available condition. Upstream: calculateStatus in `sync.go`. */
export function countStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  now: Date,
): DeploymentStatus {
  const available = sum(all, availableReplicas);
  const desired = desiredReplicas(deployment);
  const enough = available >= desired - fenceposts(deployment).maxUnavailable;
  const { collisionCount, conditions = [] } = deployment.status ?? {};
  return {
    observedGeneration: deployment.metadata?.generation ?? 0,
    ...positive(
      'replicas',
      sum(all, ({ status }) => status?.replicas ?? 0),
    ),
    ...positive('updatedReplicas', current?.status?.replicas ?? 0),
    ...positive(
      'readyReplicas',
      sum(all, ({ status }) => status?.readyReplicas ?? 0),
    ),
    ...positive('availableReplicas', available),
    ...positive('unavailableReplicas', Math.max(0, totalReplicas(all) - available)),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: setCondition(
      conditions,
      enough
        ? newCondition(
            'Available',
            'True',
            'MinimumReplicasAvailable',
            'Deployment has minimum availability.',
            now,
          )
        : newCondition(
            'Available',
            'False',
            'MinimumReplicasUnavailable',
            'Deployment does not have minimum availability.',
            now,
          ),
    ),
  };
}

/** True when all replicas are of the current template and available. */
export function isComplete(deployment: Deployment, status: DeploymentStatus | undefined): boolean {
  const desired = desiredReplicas(deployment);
  return (
    (status?.updatedReplicas ?? 0) === desired &&
    (status?.replicas ?? 0) === desired &&
    (status?.availableReplicas ?? 0) === desired &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0)
  );
}

/** Adds the Progressing and ReplicaFailure conditions of a rollout. Upstream: syncRolloutStatus in `progress.go`. */
export function rolloutStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  now: Date,
): DeploymentStatus {
  const status = countStatus(deployment, all, current, now);
  const conditions = progress(deployment, status, current, now);
  const failure = [...(current ? [current] : []), ...all]
    .flatMap((replicaSet) => replicaSet.status?.conditions ?? [])
    .find(({ type }) => type === 'ReplicaFailure');
  return {
    ...status,
    conditions: failure
      ? setCondition(conditions, { ...failure, ...times(failure.lastTransitionTime) })
      : conditions.filter(({ type }) => type !== 'ReplicaFailure'),
  };
}

/** Milliseconds until a rollout without progress has to be looked at again; undefined when it need not. */
export function untilDeadline(
  deployment: Deployment,
  status: DeploymentStatus,
  now: Date,
): number | undefined {
  const condition = status.conditions?.find(({ type }) => type === 'Progressing');
  if (!hasProgressDeadline(deployment) || !condition || isComplete(deployment, status)) return undefined;
  if (condition.reason === 'ProgressDeadlineExceeded') return undefined;
  const seconds = deployment.spec?.progressDeadlineSeconds ?? 0;
  // A second more than the deadline: times are whole seconds.
  return Math.max(0, Date.parse(condition.lastUpdateTime ?? '') + (seconds + 1) * 1000 - now.getTime());
}

function progress(
  deployment: Deployment,
  status: DeploymentStatus,
  current: ReplicaSet | undefined,
  now: Date,
): DeploymentCondition[] {
  const conditions = status.conditions ?? [];
  if (!hasProgressDeadline(deployment)) return conditions.filter(({ type }) => type !== 'Progressing');
  const before = conditions.find(({ type }) => type === 'Progressing');
  const subject = current
    ? `ReplicaSet ${JSON.stringify(current.metadata?.name)}`
    : `Deployment ${JSON.stringify(deployment.metadata?.name)}`;
  const done = before?.reason === 'NewReplicaSetAvailable';
  if (done && (status.replicas ?? 0) === (status.updatedReplicas ?? 0)) return conditions;

  const condition = (state: 'True' | 'False', reason: string, message: string) =>
    newCondition('Progressing', state, reason, `${subject} ${message}`, now);
  if (isComplete(deployment, status)) {
    return setCondition(
      conditions,
      condition('True', 'NewReplicaSetAvailable', 'has successfully progressed.'),
    );
  }
  if (advanced(deployment.status, status)) {
    // The time of the last update is the proof of progress: written even where nothing else changes.
    const updated = condition('True', 'ReplicaSetUpdated', 'is progressing.');
    const since = before?.status === 'True' ? before.lastTransitionTime : undefined;
    return [
      ...conditions.filter(({ type }) => type !== 'Progressing'),
      since === undefined ? updated : { ...updated, lastTransitionTime: since },
    ];
  }
  if (before && !done && untilDeadline(deployment, status, now) === 0) {
    return setCondition(
      conditions,
      condition('False', 'ProgressDeadlineExceeded', 'has timed out progressing.'),
    );
  }
  return conditions;
}

function advanced(before: DeploymentStatus = {}, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

/** Counts of zero are absent on the wire. */
function positive<K extends keyof DeploymentStatus>(
  key: K,
  count: number,
): Pick<DeploymentStatus, K> | object {
  return count > 0 ? { [key]: count } : {};
}

function times(time: string | undefined): Partial<DeploymentCondition> {
  return time === undefined ? {} : { lastTransitionTime: time, lastUpdateTime: time };
}
