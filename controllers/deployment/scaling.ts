import type { Deployment, ReplicaSet } from '../../api/types.ts';
import {
  byCreation,
  desiredReplicas,
  desiredReplicasAnnotation,
  type Scaling,
  scaleProportionally,
  specReplicas,
} from './rolling.ts';

/** True when an active ReplicaSet was sized for another `spec.replicas`. */
export function isScaling(deployment: Deployment, replicaSets: readonly ReplicaSet[]): boolean {
  return replicaSets.some((replicaSet) => {
    const annotated = replicaSet.metadata?.annotations?.[desiredReplicasAnnotation];
    return (
      specReplicas(replicaSet) > 0 &&
      annotated !== undefined &&
      annotated !== String(desiredReplicas(deployment))
    );
  });
}

/** Who gets which size when `spec.replicas` changes. Upstream: scale in `sync.go`. */
export function scaling(
  deployment: Deployment,
  old: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
): Scaling[] {
  const desired = desiredReplicas(deployment);
  const active = [...old, ...(current ? [current] : [])].filter((replicaSet) => specReplicas(replicaSet) > 0);
  const only =
    active.length === 0 ? (current ?? byCreation(old).at(-1)) : active.length === 1 ? active[0] : undefined;
  if (only) return [{ replicaSet: only, replicas: desired }];
  if (!current && old.length === 0) return [];
  const saturated =
    current !== undefined &&
    specReplicas(current) === desired &&
    current.metadata?.annotations?.[desiredReplicasAnnotation] === String(desired) &&
    (current.status?.availableReplicas ?? 0) === desired;
  if (saturated) {
    return active
      .filter((replicaSet) => replicaSet !== current)
      .map((replicaSet) => ({ replicaSet, replicas: 0 }));
  }
  return deployment.spec?.strategy?.type === 'Recreate' ? [] : scaleProportionally(deployment, active);
}
