import type { Deployment, IntOrString, ReplicaSet } from '../../api/types.ts';

/** How many replicas a ReplicaSet is to have. */
export interface Scaling {
  replicaSet: ReplicaSet;
  replicas: number;
}

/** The whole arithmetic of a rollout, without a clock or a client. Upstream: `pkg/controller/deployment/rolling.go`. */

/** `25%` of `total`, or the number itself; percentages are rounded up for surge, down for unavailable. */
export function scaledValue(value: IntOrString | undefined, total: number, roundUp: boolean): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  if (percent === undefined)
    throw new Error(
      `invalid value for IntOrString: ${JSON.stringify(value)}: must be an integer or a percentage`,
    );
  return (roundUp ? Math.ceil : Math.floor)((Number(percent) * total) / 100);
}

/** Both limits of a rolling update; at least one is positive, so that it can advance. Upstream: ResolveFenceposts. */
export function fenceposts(deployment: Deployment): { maxSurge: number; maxUnavailable: number } {
  const strategy = deployment.spec?.strategy;
  if (strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const desired = desiredReplicas(deployment);
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategy?.rollingUpdate ?? {};
  const surge = scaledValue(maxSurge, desired, true);
  const unavailable = scaledValue(maxUnavailable, desired, false);
  if (surge === 0 && unavailable === 0) return { maxSurge: 0, maxUnavailable: Math.min(1, desired) };
  return { maxSurge: surge, maxUnavailable: Math.min(unavailable, desired) };
}

export const desiredReplicas = (deployment: Deployment): number => deployment.spec?.replicas ?? 1;
export const specReplicas = (replicaSet: ReplicaSet): number => replicaSet.spec?.replicas ?? 1;
export const availableReplicas = (replicaSet: ReplicaSet): number =>
  replicaSet.status?.availableReplicas ?? 0;
export const totalReplicas = (replicaSets: readonly ReplicaSet[]): number => sum(replicaSets, specReplicas);

/** The size of the new ReplicaSet that the surge limit allows now. Upstream: NewRSNewReplicas. */
export function newReplicaSetSize(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newReplicas: number,
): number {
  const desired = desiredReplicas(deployment);
  if (deployment.spec?.strategy?.type === 'Recreate') return desired;
  const room = desired + fenceposts(deployment).maxSurge - totalReplicas(all);
  if (room <= 0) return newReplicas;
  return newReplicas + Math.min(room, desired - newReplicas);
}

/**
 * The old ReplicaSets that may shrink now, unhealthy replicas first, so that never fewer than the
 * minimum are available. Upstream: reconcileOldReplicaSets.
 */
export function shrinkOld(
  deployment: Deployment,
  old: readonly ReplicaSet[],
  newReplicaSet: ReplicaSet,
): Scaling[] {
  const minAvailable = desiredReplicas(deployment) - fenceposts(deployment).maxUnavailable;
  const newUnavailable = specReplicas(newReplicaSet) - availableReplicas(newReplicaSet);
  const maxScaledDown = totalReplicas(old) + specReplicas(newReplicaSet) - minAvailable - newUnavailable;
  if (totalReplicas(old) === 0 || maxScaledDown <= 0) return [];

  const sizes = new Map(byCreation(old).map((replicaSet) => [replicaSet, specReplicas(replicaSet)]));
  const take = (budget: number, most: (replicaSet: ReplicaSet, size: number) => number) => {
    for (const [replicaSet, size] of sizes) {
      const taken = Math.min(Math.max(budget, 0), Math.max(most(replicaSet, size), 0));
      sizes.set(replicaSet, size - taken);
      budget -= taken;
    }
  };
  take(maxScaledDown, (replicaSet, size) => size - availableReplicas(replicaSet));
  take(sum([...old, newReplicaSet], availableReplicas) - minAvailable, (_replicaSet, size) => size);

  return [...sizes]
    .filter(([replicaSet, size]) => size !== specReplicas(replicaSet))
    .map(([replicaSet, replicas]) => ({ replicaSet, replicas }));
}

/**
 * Spreads a changed `spec.replicas` over ReplicaSets in the middle of a rollout in proportion to their
 * sizes; what rounding leaves goes to the largest. Upstream: scale, GetProportion.
 */
export function scaleProportionally(deployment: Deployment, active: readonly ReplicaSet[]): Scaling[] {
  const desired = desiredReplicas(deployment);
  const allowed = desired > 0 ? desired + fenceposts(deployment).maxSurge : 0;
  const toAdd = allowed - totalReplicas(active);
  const bySize = byCreation(active);
  if (toAdd > 0) bySize.reverse();
  bySize.sort((a, b) => specReplicas(b) - specReplicas(a));

  let added = 0;
  const sizes = bySize.map((replicaSet) => {
    const proportion = toAdd === 0 ? 0 : proportionOf(deployment, replicaSet, toAdd, added);
    added += proportion;
    return { replicaSet, replicas: specReplicas(replicaSet) + proportion };
  });
  const [largest] = sizes;
  if (largest && toAdd !== 0) largest.replicas = Math.max(0, largest.replicas + toAdd - added);
  return sizes;
}

function proportionOf(deployment: Deployment, replicaSet: ReplicaSet, toAdd: number, added: number): number {
  const size = specReplicas(replicaSet);
  if (size === 0 || toAdd === added) return 0;
  const fraction = fractionOf(deployment, replicaSet);
  return toAdd > 0 ? Math.min(fraction, toAdd - added) : Math.max(fraction, toAdd - added);
}

function fractionOf(deployment: Deployment, replicaSet: ReplicaSet): number {
  const size = specReplicas(replicaSet);
  const desired = desiredReplicas(deployment);
  if (desired === 0) return -size;
  const annotated = Number(replicaSet.metadata?.annotations?.[maxReplicasAnnotation] ?? Number.NaN);
  const before = Number.isInteger(annotated) ? annotated : (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((size * (desired + fenceposts(deployment).maxSurge)) / before) - size;
}

export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';

/** Oldest first, by name where times are equal. */
export function byCreation<T extends ReplicaSet>(replicaSets: readonly T[]): T[] {
  const age = ({ metadata }: T) => `${metadata?.creationTimestamp ?? ''}/${metadata?.name ?? ''}`;
  return [...replicaSets].sort((a, b) => (age(a) < age(b) ? -1 : 1));
}

export function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
