import { controllerOf } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/types.ts';
import type { ControllerContext } from '../context.ts';
import { isNamespaceEnding } from '../events.ts';
import { sameJson } from '../lookup.ts';
import { untilSeen } from '../seen.ts';
import { withCondition } from './paused.ts';
import { currentAnnotations, newReplicaSet, nextRevision, replicaAnnotations } from './revision.ts';
import { byCreation, specReplicas } from './rolling.ts';
import { hasProgressDeadline } from './status.ts';
import { sameTemplate } from './template-hash.ts';

/** The writes of a Deployment's ReplicaSets, each followed by its Event and waited for in the cache. */
export function createReplicaSetWriter({ client, informers, recorder: recorderOf }: ControllerContext) {
  const recorder = recorderOf('deployment-controller');

  return { create, resize, syncCurrent, cleanUp };

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

  /** `onFailure` writes what the Deployment's status says of a failed creation. */
  async function create(
    deployment: Deployment,
    old: readonly ReplicaSet[],
    onFailure: (status: DeploymentStatus) => Promise<unknown>,
  ): Promise<ReplicaSet> {
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
        await onFailure({ ...deployment.status, collisionCount });
      } else if (!isNamespaceEnding(error)) {
        const reason = 'ReplicaSetCreateError';
        const cause = error instanceof Error ? error.message : String(error);
        const message = `Failed to create new replica set ${JSON.stringify(name)}: ${cause}`;
        recorder.event(deployment, 'Warning', reason, message);
        const failed = withCondition(deployment, 'False', reason, message, new Date());
        if (hasProgressDeadline(deployment)) await onFailure(failed.status ?? {});
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
}

function isIdle({ metadata, spec, status }: ReplicaSet): boolean {
  return (
    (status?.replicas ?? 0) === 0 &&
    (spec?.replicas ?? 1) === 0 &&
    (metadata?.generation ?? 0) <= (status?.observedGeneration ?? 0)
  );
}
