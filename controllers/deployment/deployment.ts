import { controllerOf, matchesLabelSelector } from '../../api/object.ts';
import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { createIndex, namespaceOf, ownerUids, sameJson } from '../lookup.ts';
import { isPodTerminal } from '../pod.ts';
import { claimAll } from '../replicaset/claim.ts';
import { untilSeen } from '../seen.ts';
import { withCondition, withPausedCondition } from './paused.ts';
import { createReplicaSetWriter } from './replicasets.ts';
import { revisionAnnotation, splitReplicaSets } from './revision.ts';
import { desiredReplicas, newReplicaSetSize, shrinkOld, specReplicas } from './rolling.ts';
import { isScaling, scaling } from './scaling.ts';
import { countStatus, hasProgressDeadline, isComplete, rolloutStatus, untilDeadline } from './status.ts';

/** Turns Deployments into ReplicaSets. Upstream: `pkg/controller/deployment`. */
export const startDeploymentController: Controller = (context) => {
  const { client, informers } = context;
  const { create, resize, syncCurrent, cleanUp } = createReplicaSetWriter(context);
  const podsByOwner = createIndex(informers.pods, ownerUids);
  const replicaSetsByNamespace = createIndex(informers.replicasets, namespaceOf);
  const deploymentsByNamespace = createIndex(informers.deployments, namespaceOf);
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
      : await create(deployment, old, (status) => writeStatus(deployment, status));
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

/** Old ReplicaSets and the current one, if there is one. */
function all(old: readonly ReplicaSet[], current: ReplicaSet | undefined): ReplicaSet[] {
  return current ? [...old, current] : [...old];
}
