import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import { setCondition } from './definition/conditions.ts';
import { cleanupFinalizer } from './definition/strategy.ts';
import { apiserverRequest, current, type Reconciling, writeStatus } from './reconcile.ts';

/** Definitions whose instances are being removed. */
const running = new WeakMap<Reconciling['kinds'], Set<string>>();

/**
 * Removes the objects of a kind whose definition is being deleted, waits until those are gone that somebody's finalizers
 * hold, and lets the definition go. Goes on by itself. Upstream: `pkg/controller/finalizer/crd_finalizer.go`.
 */
export function removeInstances(of: Reconciling, name: string): void {
  const finalizers = current(of, name)?.metadata?.finalizers ?? [];
  if (!finalizers.includes(cleanupFinalizer)) return;
  const busy = running.get(of.kinds) ?? new Set();
  running.set(of.kinds, busy);
  if (busy.has(name)) return;
  busy.add(name);
  void run(of, name)
    .catch(of.onError)
    .finally(() => busy.delete(name));
}

async function run(of: Reconciling, name: string): Promise<void> {
  const stored = of.kinds.get(name)?.stored;
  if (stored) {
    await tell(of, name, 'True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress');
    const remove = async () => {
      for (const { object } of of.cache.list(stored)) {
        const { name = '', namespace, deletionTimestamp } = object.metadata ?? {};
        if (deletionTimestamp) continue;
        const ref = { name, ...(namespace ? { namespace } : {}) };
        await of.registry.delete(stored, ref, {}, apiserverRequest).catch((error: unknown) => {
          if (!hasReason(error, 'NotFound')) throw error;
        });
      }
    };
    await remove();
    await untilEmpty(of, name);
    if (of.signal.aborted) return;
    await tell(of, name, 'False', 'InstanceDeletionCompleted', 'removed all instances');
  }
  await of.registry
    .update(
      resources.customresourcedefinitions,
      { name },
      (now) => {
        const next = structuredClone(now ?? {});
        const { metadata } = next;
        if (metadata)
          metadata.finalizers = (metadata.finalizers ?? []).filter((one) => one !== cleanupFinalizer);
        return next;
      },
      apiserverRequest,
    )
    .catch((error: unknown) => {
      if (!hasReason(error, 'NotFound')) throw error;
    });
}

async function untilEmpty(of: Reconciling, name: string): Promise<void> {
  const stored = of.kinds.get(name)?.stored;
  if (!stored || of.cache.list(stored).length === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = await of.cache.watch(stored, of.cache.revision, () => {
    if (of.cache.list(stored).length === 0) resolve();
  });
  of.signal.addEventListener('abort', () => resolve(), { once: true });
  if (of.cache.list(stored).length === 0) resolve();
  await promise;
  stop();
}

function tell(of: Reconciling, name: string, status: string, reason: string, message: string): Promise<void> {
  return writeStatus(of, name, (definition) =>
    setCondition(definition, { type: 'Terminating', status, reason, message }, of.now()),
  );
}
