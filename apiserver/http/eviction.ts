import { matchesLabelSelector } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import { type StatusError, statusError } from '../../api/status.ts';
import type { DeleteOptions, Pod, PodDisruptionBudget } from '../../api/types.ts';
import { missing } from '../registry/pipeline/failures.ts';
import { timestamp } from '../registry/pipeline/metadata.ts';
import type { Ref, Request } from '../registry/registry.ts';
import type { Serving } from './objects.ts';

/** So many evictions may stand in a budget's status without its controller having seen them. */
const mostDisrupted = 2000;

/**
 * Deletes a pod unless that would break a PodDisruptionBudget; the budget's status is lowered first, so that
 * two evictions at once do not both count on the same disruption. Upstream: `pkg/registry/core/pod/storage/eviction.go`.
 * @throws StatusError TooManyRequests where the budget is used up
 */
export async function evictPod(
  { cache, registry }: Serving,
  { name, namespace }: Ref,
  options: DeleteOptions,
  request: Request,
  now: Date,
): Promise<void> {
  const entry = cache.get(resources.pods, name, namespace);
  if (!entry) throw missing(resources.pods, name);
  const pod: Pod = entry.object;
  const budgets = [...cache.lookup.list(resources.poddisruptionbudgets, namespace)].filter(
    ({ spec }) => spec?.selector && matchesLabelSelector(spec.selector, pod.metadata?.labels),
  );
  if (budgets.length > 1 && !mayGo(pod)) {
    const message =
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw statusError('InternalError', message);
  }
  const [budget] = budgets;
  if (budget && !mayGo(pod) && !isBroken(pod, budget)) {
    const ref = { name: budget.metadata?.name ?? '', ...(namespace ? { namespace } : {}) };
    await registry.update(
      resources.poddisruptionbudgets,
      ref,
      (current) => {
        if (!current) throw missing(resources.poddisruptionbudgets, ref.name);
        return lowered(current, name, now);
      },
      request,
      { subresource: 'status' },
    );
  }
  await registry.delete(resources.pods, { name, ...(namespace ? { namespace } : {}) }, options, request);
}

/** It disturbs nobody any more, or not yet. Upstream: canIgnorePDB. */
function mayGo({ metadata, status }: Pod): boolean {
  return (
    metadata?.deletionTimestamp !== undefined ||
    ['Succeeded', 'Failed', 'Pending'].includes(status?.phase ?? '')
  );
}

/** A pod that is not ready may go where that cannot make matters worse, or where the budget says so. */
function isBroken(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (pod.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True')) return false;
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

/** The budget with one disruption less. Upstream: checkAndDecrement. */
function lowered(budget: PodDisruptionBudget, pod: string, now: Date): PodDisruptionBudget {
  const { metadata, status } = budget;
  const { disruptionsAllowed = 0, desiredHealthy = 0, currentHealthy = 0, disruptedPods = {} } = status ?? {};
  const name = metadata?.name ?? '';
  if ((status?.observedGeneration ?? 0) < (metadata?.generation ?? 0)) {
    throw refused(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  if (disruptionsAllowed <= 0) {
    throw refused(
      `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    );
  }
  if (Object.keys(disruptedPods).length > mostDisrupted) {
    throw refused('DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  }
  return {
    ...structuredClone(budget),
    status: {
      currentHealthy,
      desiredHealthy,
      expectedPods: 0,
      ...status,
      disruptionsAllowed: disruptionsAllowed - 1,
      disruptedPods: { ...disruptedPods, [pod]: timestamp(now) },
    },
  };
}

function refused(cause: string, retryAfterSeconds?: number): StatusError {
  return statusError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message: cause }],
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}
