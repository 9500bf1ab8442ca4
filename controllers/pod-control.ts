import { controllerReference, type KubeObject, keyOf } from '../api/object.ts';
import { resources } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import type { Pod, PodTemplateSpec } from '../api/types.ts';
import type { ControllerContext } from './context.ts';
import { type EventRecorder, isNamespaceEnding } from './events.ts';
import type { Expectations } from './replicaset/expectations.ts';

/** Creates and deletes the pods of a workload, tells of it in Events, and notes what the cache has to show. */
export interface PodControl {
  /** `key` is the owner's. Resolves without a pod where the namespace is ending, or the name is still taken. */
  create(key: string, owner: KubeObject, pod: Pod): Promise<Pod | undefined>;
  /** A pod that is gone by now, or another one of the name, is left alone. */
  remove(key: string, owner: KubeObject, pod: Pod): Promise<void>;
}

/** The text of an Event; `problem` is there when it failed. */
export type Tell = (verb: 'create' | 'delete', owner: KubeObject, pod: string, problem?: string) => string;

const tellShortly: Tell = (verb, _owner, pod, problem) =>
  problem === undefined
    ? `${verb === 'create' ? 'Created' : 'Deleted'} pod: ${pod}`
    : `Error ${verb === 'create' ? 'creating' : 'deleting'}: ${problem}`;

/** Upstream: `RealPodControl` in `pkg/controller/controller_utils.go`. */
export function createPodControl(
  { client, informers }: ControllerContext,
  recorder: EventRecorder,
  expectations: Expectations,
  tell: Tell = tellShortly,
): PodControl {
  const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
  return {
    async create(key, owner, pod) {
      try {
        const created = await client.create(resources.pods, pod);
        const uid = created.metadata?.uid ?? '';
        // The watch may have been quicker than the answer.
        if (informers.pods.store.get(keyOf(created))?.metadata?.uid !== uid) expectations.created(key, uid);
        recorder.event(
          owner,
          'Normal',
          'SuccessfulCreate',
          tell('create', owner, created.metadata?.name ?? ''),
        );
        return created;
      } catch (error) {
        // A pod of that name ends first; its deletion brings the controller back.
        if (isNamespaceEnding(error) || hasReason(error, 'AlreadyExists')) return undefined;
        const message = tell('create', owner, pod.metadata?.name ?? '', textOf(error));
        recorder.event(owner, 'Warning', 'FailedCreate', message);
        throw error;
      }
    },
    async remove(key, owner, pod) {
      const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
      expectations.deleting(key, uid);
      try {
        await client.delete(resources.pods, { name, namespace }, { preconditions: { uid } });
        recorder.event(owner, 'Normal', 'SuccessfulDelete', tell('delete', owner, name));
      } catch (error) {
        expectations.observed(key, uid);
        if (hasReason(error, 'NotFound') || hasReason(error, 'Conflict')) return;
        recorder.event(owner, 'Warning', 'FailedDelete', tell('delete', owner, name, textOf(error)));
        throw error;
      }
    },
  };
}

/** The pod that `owner` makes of a template, named after it. Upstream: GetPodFromTemplate. */
export function podFromTemplate(owner: KubeObject, template: PodTemplateSpec | undefined): Pod {
  const { name = '', namespace = '' } = owner.metadata ?? {};
  const { metadata, spec } = template ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${name}-`,
      namespace,
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      ...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
      ...(metadata?.finalizers ? { finalizers: metadata.finalizers } : {}),
      ownerReferences: [controllerReference(owner)],
    },
    ...(spec ? { spec } : {}),
  };
}

/** Upstream begins with one; a usual Deployment is whole a round earlier this way. */
const firstBatch = 4;

/**
 * Does something for each item, in batches of 4, 8, 16 …, the next only when the last one succeeded:
 * what cannot be created at all does not flood the API. Upstream: slowStartBatch.
 */
export async function slowStart<T>(
  items: readonly T[],
  create: (item: T) => Promise<unknown>,
): Promise<void> {
  for (let start = 0, size = firstBatch; start < items.length; start += size, size *= 2) {
    await settleAll(items.slice(start, start + size), create);
  }
}

/** Does something for all items at once; throws the first failure when each has ended. */
export async function settleAll<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const results = await Promise.allSettled(items.map(act));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
