import { controllerOf, matchesLabelSelector } from '../../api/object.ts';
import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { isNamespaceEnding } from '../events.ts';
import { createIndex, ownerUids, sameJson } from '../lookup.ts';
import { isPodTerminal } from '../pod.ts';
import { claimAll } from '../replicaset/claim.ts';
import { untilSeen } from '../seen.ts';
import {
  currentAnnotations,
  newReplicaSet,
  nextRevision,
  replicaAnnotations,
  revisionAnnotation,
  splitReplicaSets,
} from './revision.ts';
import {
  byCreation,
  desiredReplicas,
  desiredReplicasAnnotation,
  newReplicaSetSize,
  scaleProportionally,
  shrinkOld,
  specReplicas,
} from './rolling.ts';
import {
  countStatus,
  hasProgressDeadline,
  isComplete,
  newCondition,
  rolloutStatus,
  setCondition,
  untilDeadline,
} from './status.ts';
import { sameTemplate } from './template-hash.ts';

/** Turns Deployments into ReplicaSets. Upstream: `pkg/controller/deployment`. */
export const startDeploymentController: Controller = (context) => {
  const { client, informers } = context;
  const recorder = context.recorder('deployment-controller');
  const podsByOwner = createIndex(informers.pods, ownerUids);
  const replicaSetsByNamespace = createIndex(informers.replicasets, ({ metadata }) => [
    metadata?.namespace ?? '',
  ]);
  const deploymentsByNamespace = createIndex(informers.deployments, ({ metadata }) => [
    metadata?.namespace ?? '',
  ]);
  const queue = context.reconciler('deployment', reconcile);

  informers.deployments.onChange(({ key }) => queue.enqueue(key));
  informers.replicasets.onChange(({ object, old }) => {
    for (const replicaSet of old ? [old, object] : [object]) enqueueOwner(replicaSet);
  });
  // A Recreate rollout waits until the last old pod is gone.
  informers.pods.onChange(({ type, object }) => {
    const owner = controllerOf(object);
    if (type !== 'deleted' || owner?.kind !== 'ReplicaSet') return;
    const replicaSet = informers.replicasets.store.get(`${object.metadata?.namespace}/${owner.name}`);
    if (replicaSet) enqueueOwner(replicaSet);
  });
  for (const key of informers.deployments.store.keys()) queue.enqueue(key);

  function enqueueOwner(replicaSet: ReplicaSet): void {
    const { namespace = '', labels } = replicaSet.metadata ?? {};
    const owner = controllerOf(replicaSet);
    if (owner) {
      if (owner.kind === 'Deployment') queue.enqueue(`${namespace}/${owner.name}`);
      return;
    }
    for (const deployment of deploymentsByNamespace.get(namespace)) {
      if (matchesLabelSelector(deployment.spec?.selector, labels)) {
        queue.enqueue(`${namespace}/${deployment.metadata?.name}`);
      }
    }
  }

  async function reconcile(key: string): Promise<Again | undefined> {
    const deployment = informers.deployments.store.get(key);
    if (!deployment) return undefined;
    const owned = await claimAll(
      client,
      resources.deployments,
      deployment,
      deployment.spec?.selector,
      resources.replicasets,
      [...replicaSetsByNamespace.get(deployment.metadata?.namespace ?? '')],
    );
    const { current, old } = splitReplicaSets(deployment, owned);
    const now = new Date();
    if (deployment.metadata?.deletionTimestamp) {
      return writeStatus(deployment, countStatus(deployment, all(old, current), current, now));
    }
    const seen = withPausedCondition(deployment, now);
    if (seen.spec?.paused || isScaling(seen, all(old, current))) return scale(seen, old, current, now);
    return rollOut(seen, old, current, now);
  }

  /** `spec.replicas` changed, or the Deployment is paused: sizes change, templates do not. */
  async function scale(
    deployment: Deployment,
    old: ReplicaSet[],
    current: ReplicaSet | undefined,
    now: Date,
  ): Promise<Again | undefined> {
    const known = current && (await syncCurrent(deployment, old, current));
    const sized = await Promise.all(
      scaling(deployment, old, known).map(({ replicaSet, replicas }) =>
        resize(deployment, replicaSet, replicas),
      ),
    );
    const latest = (replicaSet: ReplicaSet) =>
      sized.find(({ metadata }) => metadata?.uid === replicaSet.metadata?.uid) ?? replicaSet;
    if (deployment.spec?.paused) await cleanUp(deployment, old);
    const newest = known && latest(known);
    const status = countStatus(deployment, all(old.map(latest), newest), newest, now);
    return writeStatus(deployment, status, newest);
  }

  async function rollOut(
    deployment: Deployment,
    old: ReplicaSet[],
    existing: ReplicaSet | undefined,
    now: Date,
  ): Promise<Again | undefined> {
    const active = old.filter((replicaSet) => specReplicas(replicaSet) > 0);
    const recreate = deployment.spec?.strategy?.type === 'Recreate';
    if (recreate && (active.length > 0 || hasRunningPods(old))) {
      const shrunk = await Promise.all(active.map((replicaSet) => resize(deployment, replicaSet, 0)));
      const rest = old.filter((replicaSet) => !active.includes(replicaSet));
      const known = existing && (await syncCurrent(deployment, old, existing));
      return writeStatus(
        deployment,
        rolloutStatus(deployment, all([...rest, ...shrunk], known), known, now),
        known,
      );
    }
    const current = existing
      ? await syncCurrent(deployment, old, existing)
      : await create(deployment, old, now);
    const desired = desiredReplicas(deployment);
    const size =
      specReplicas(current) > desired
        ? desired
        : newReplicaSetSize(deployment, all(old, current), specReplicas(current));
    let progressed = deployment;
    if (!existing && hasProgressDeadline(deployment)) {
      const message = `Created new replica set ${JSON.stringify(current.metadata?.name)}`;
      progressed = withCondition(deployment, 'True', 'NewReplicaSetCreated', message, now);
    }
    if (size !== specReplicas(current)) {
      const grown = await resize(deployment, current, size);
      return writeStatus(deployment, rolloutStatus(progressed, all(old, grown), grown, now), grown);
    }
    const steps = recreate ? [] : shrinkOld(deployment, active, current);
    const shrunk = await Promise.all(steps.map((step) => resize(deployment, step.replicaSet, step.replicas)));
    const left = old.filter((replicaSet) => !steps.some((step) => step.replicaSet === replicaSet));
    if (steps.length === 0 && isComplete(deployment, deployment.status)) await cleanUp(deployment, old);
    const status = rolloutStatus(progressed, all([...left, ...shrunk], current), current, now);
    return writeStatus(deployment, status, current);
  }

  function hasRunningPods(old: readonly ReplicaSet[]): boolean {
    return old.some(
      ({ status, metadata }) =>
        (status?.replicas ?? 0) > 0 ||
        [...podsByOwner.get(metadata?.uid ?? '')].some((pod) => !isPodTerminal(pod)),
    );
  }

  /** Brings annotations and minReadySeconds of the current ReplicaSet in line. */
  async function syncCurrent(
    deployment: Deployment,
    old: readonly ReplicaSet[],
    current: ReplicaSet,
  ): Promise<ReplicaSet> {
    const annotations = currentAnnotations(deployment, current, nextRevision(old));
    const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
    const same =
      sameJson(annotations, current.metadata?.annotations ?? {}) &&
      minReadySeconds === (current.spec?.minReadySeconds ?? 0);
    if (same || !current.spec) return current;
    const updated = await client.update(resources.replicasets, {
      ...current,
      metadata: { ...current.metadata, annotations },
      spec: { ...current.spec, minReadySeconds },
    });
    return untilSeen(informers.replicasets, updated);
  }

  async function create(deployment: Deployment, old: readonly ReplicaSet[], now: Date): Promise<ReplicaSet> {
    const wanted = newReplicaSet(deployment, old);
    const { name = '', namespace = '' } = wanted.metadata ?? {};
    try {
      const created = await client.create(resources.replicasets, wanted);
      const size = specReplicas(created);
      if (size > 0) scaled(deployment, 'up', name, 0, size);
      return untilSeen(informers.replicasets, created);
    } catch (error) {
      if (hasReason(error, 'AlreadyExists')) {
        const present = await client.get(resources.replicasets, { name, namespace });
        const ours = controllerOf(present)?.uid === deployment.metadata?.uid;
        if (ours && sameTemplate(present.spec?.template, deployment.spec?.template)) return present;
        const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
        await writeStatus(deployment, { ...deployment.status, collisionCount });
      } else if (!isNamespaceEnding(error)) {
        const reason = 'ReplicaSetCreateError';
        const cause = error instanceof Error ? error.message : String(error);
        const message = `Failed to create new replica set ${JSON.stringify(name)}: ${cause}`;
        recorder.event(deployment, 'Warning', reason, message);
        const failed = withCondition(deployment, 'False', reason, message, now);
        if (hasProgressDeadline(deployment)) await writeStatus(deployment, failed.status ?? {});
      }
      throw error;
    }
  }

  async function resize(
    deployment: Deployment,
    replicaSet: ReplicaSet,
    replicas: number,
  ): Promise<ReplicaSet> {
    const before = specReplicas(replicaSet);
    const annotations = { ...replicaSet.metadata?.annotations, ...replicaAnnotations(deployment) };
    if (!replicaSet.spec) return replicaSet;
    if (before === replicas && sameJson(annotations, replicaSet.metadata?.annotations)) return replicaSet;
    const updated = await client.update(resources.replicasets, {
      ...replicaSet,
      metadata: { ...replicaSet.metadata, annotations },
      spec: { ...replicaSet.spec, replicas },
    });
    if (before !== replicas) {
      scaled(deployment, before < replicas ? 'up' : 'down', replicaSet.metadata?.name, before, replicas);
    }
    return untilSeen(informers.replicasets, updated);
  }

  function scaled(
    deployment: Deployment,
    way: string,
    name: string | undefined,
    from: number,
    to: number,
  ): void {
    const message = `Scaled ${way} replica set ${name} from ${from} to ${to}`;
    recorder.event(deployment, 'Normal', 'ScalingReplicaSet', message);
  }

  /** Deletes the oldest idle ReplicaSets beyond `revisionHistoryLimit`. */
  async function cleanUp(deployment: Deployment, old: readonly ReplicaSet[]): Promise<void> {
    const limit = deployment.spec?.revisionHistoryLimit ?? 10;
    const alive = byCreation(old.filter(({ metadata }) => !metadata?.deletionTimestamp));
    const surplus = alive.slice(0, Math.max(0, alive.length - limit)).filter(isIdle);
    await Promise.all(
      surplus.map(async ({ metadata }) => {
        try {
          const ref = { name: metadata?.name ?? '', namespace: metadata?.namespace ?? '' };
          await client.delete(resources.replicasets, ref, { propagationPolicy: 'Background' });
        } catch (error) {
          if (!hasReason(error, 'NotFound')) throw error;
        }
      }),
    );
  }

  /** Writes status and revision where they changed; asks to be called again at the progress deadline. */
  async function writeStatus(
    deployment: Deployment,
    status: DeploymentStatus,
    current?: ReplicaSet,
  ): Promise<Again | undefined> {
    const stored = informers.deployments.store.get(
      `${deployment.metadata?.namespace}/${deployment.metadata?.name}`,
    );
    const own = stored?.metadata?.annotations ?? {};
    const revision = current?.metadata?.annotations?.[revisionAnnotation] ?? own[revisionAnnotation];
    const annotations = revision === undefined ? own : { ...own, [revisionAnnotation]: revision };
    if (!sameJson(stored?.status ?? {}, status) || own[revisionAnnotation] !== revision) {
      const metadata = { ...deployment.metadata, annotations };
      // Upstream's apiserver takes annotations with the status; one that does not is asked again.
      const written = await client.update(
        resources.deployments,
        { ...deployment, metadata, status },
        'status',
      );
      await untilSeen(informers.deployments, written);
      if (revision !== undefined && written.metadata?.annotations?.[revisionAnnotation] !== revision) {
        const { name = '', namespace = '' } = deployment.metadata ?? {};
        const body = { metadata: { annotations: { [revisionAnnotation]: revision } } };
        await client.patch(resources.deployments, { name, namespace }, 'merge', body);
      }
    }
    if (deployment.spec?.paused) return undefined;
    const requeueAfter = untilDeadline(deployment, status, new Date());
    return requeueAfter === undefined ? undefined : { requeueAfter: Math.max(1000, requeueAfter) };
  }
};

function all(old: readonly ReplicaSet[], current: ReplicaSet | undefined): ReplicaSet[] {
  return current ? [...old, current] : [...old];
}

function isIdle({ metadata, spec, status }: ReplicaSet): boolean {
  return (
    (status?.replicas ?? 0) === 0 &&
    (spec?.replicas ?? 1) === 0 &&
    (metadata?.generation ?? 0) <= (status?.observedGeneration ?? 0)
  );
}

/** True when an active ReplicaSet was sized for another `spec.replicas`. */
function isScaling(deployment: Deployment, replicaSets: readonly ReplicaSet[]): boolean {
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
function scaling(deployment: Deployment, old: readonly ReplicaSet[], current: ReplicaSet | undefined) {
  const desired = desiredReplicas(deployment);
  const active = all(old, current).filter((replicaSet) => specReplicas(replicaSet) > 0);
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

/** Pausing and resuming restart the progress deadline. Upstream: checkPausedConditions. */
function withPausedCondition(deployment: Deployment, now: Date): Deployment {
  const reason = deployment.status?.conditions?.find(({ type }) => type === 'Progressing')?.reason;
  if (!hasProgressDeadline(deployment) || reason === 'ProgressDeadlineExceeded') return deployment;
  const paused = reason === 'DeploymentPaused';
  if (deployment.spec?.paused && !paused) {
    return withCondition(deployment, 'Unknown', 'DeploymentPaused', 'Deployment is paused', now);
  }
  if (!deployment.spec?.paused && paused) {
    return withCondition(deployment, 'Unknown', 'DeploymentResumed', 'Deployment is resumed', now);
  }
  return deployment;
}

function withCondition(
  deployment: Deployment,
  status: 'True' | 'False' | 'Unknown',
  reason: string,
  message: string,
  now: Date,
): Deployment {
  const condition = newCondition('Progressing', status, reason, message, now);
  const conditions = setCondition(deployment.status?.conditions ?? [], condition);
  return { ...deployment, status: { ...deployment.status, conditions } };
}
