import { controllerReference } from '../../api/object.ts';
import type { Deployment, ReplicaSet } from '../../api/types.ts';
import {
  byCreation,
  desiredReplicas,
  desiredReplicasAnnotation,
  fenceposts,
  maxReplicasAnnotation,
  newReplicaSetSize,
} from './rolling.ts';
import { hashLabel, sameTemplate, templateHash } from './template-hash.ts';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';
/** About a hundred revisions. */
const historyLimit = 2000;

const notCopied = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  historyAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deprecated.deployment.rollback.to',
]);

/** The ReplicaSet of the current template (the oldest, if several) and all others. */
export function splitReplicaSets(
  deployment: Deployment,
  owned: readonly ReplicaSet[],
): { current: ReplicaSet | undefined; old: ReplicaSet[] } {
  const sorted = byCreation(owned);
  const current = sorted.find((replicaSet) =>
    sameTemplate(replicaSet.spec?.template, deployment.spec?.template),
  );
  return { current, old: sorted.filter((replicaSet) => replicaSet !== current) };
}

/** The revision the ReplicaSet of the current template has to have at least: one above all others. */
export function nextRevision(old: readonly ReplicaSet[]): bigint {
  let highest = 0n;
  for (const revision of old.map(revisionOf)) if (revision > highest) highest = revision;
  return highest + 1n;
}

/** The ReplicaSet that is created for a new template. Its name is deterministic: creating it twice is harmless. */
export function newReplicaSet(deployment: Deployment, old: readonly ReplicaSet[]): ReplicaSet {
  const { name = '', namespace = '' } = deployment.metadata ?? {};
  const template = deployment.spec?.template ?? {};
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [hashLabel]: hash };
  const selector = deployment.spec?.selector ?? {};
  const replicaSet: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels,
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas: newReplicaSetSize(deployment, old, 0),
      ...(deployment.spec?.minReadySeconds ? { minReadySeconds: deployment.spec.minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
  const annotations = {
    ...currentAnnotations(deployment, replicaSet, nextRevision(old)),
    ...replicaAnnotations(deployment),
  };
  return { ...replicaSet, metadata: { ...replicaSet.metadata, annotations } };
}

/**
 * The annotations that the ReplicaSet of the current template is to have: those of the Deployment, and a
 * revision above all others; a revision it had before (a rollback) goes to its history. Upstream:
 * SetNewReplicaSetAnnotations.
 */
export function currentAnnotations(
  deployment: Deployment,
  replicaSet: ReplicaSet,
  revision: bigint,
): Record<string, string> {
  const own = replicaSet.metadata?.annotations ?? {};
  const copied = Object.entries(deployment.metadata?.annotations ?? {}).filter(
    ([key]) => !notCopied.has(key),
  );
  const annotations: Record<string, string> = { ...own, ...Object.fromEntries(copied) };
  const before = own[revisionAnnotation];
  if (revisionOf(replicaSet) >= revision) return annotations;
  annotations[revisionAnnotation] = String(revision);
  if (before !== undefined) {
    const history = [...(own[historyAnnotation]?.split(',') ?? []), before];
    while (history.join(',').length > historyLimit) history.shift();
    annotations[historyAnnotation] = history.join(',');
  }
  return annotations;
}

/** What a later proportional scaling starts from. */
export function replicaAnnotations(deployment: Deployment): Record<string, string> {
  const desired = desiredReplicas(deployment);
  return {
    [desiredReplicasAnnotation]: String(desired),
    [maxReplicasAnnotation]: String(desired + fenceposts(deployment).maxSurge),
  };
}

/** Of 64 bits: who writes the annotation may choose any. */
function revisionOf(replicaSet: ReplicaSet): bigint {
  const text = replicaSet.metadata?.annotations?.[revisionAnnotation] ?? '';
  return /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
}
