import type { Condition, Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/types.ts';
import { scaledValue } from '../deployment/rolling.ts';
import { isPodReady, isPodTerminal, timestamp } from '../pod.ts';

/** An eviction that the apiserver granted counts as done for so long, whether the pod goes or not. Upstream: DeletionTimeout. */
const patience = 2 * 60_000;

/**
 * The status of a budget over its pods. `expected` is how many pods their controllers want, or why that is
 * unknown. Upstream: trySync in `pkg/controller/disruption/disruption.go`.
 */
export function budgetStatus(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  expected: number | Error,
  now: Date,
): { status: PodDisruptionBudgetStatus; requeueAfter: number | undefined } {
  const counted = pods.filter((pod) => !isPodTerminal(pod));
  const disrupted = stillDisrupted(budget, counted, now.getTime());
  const healthy = counted.filter(
    (pod) =>
      pod.metadata?.deletionTimestamp === undefined &&
      !Object.hasOwn(disrupted, pod.metadata?.name ?? '') &&
      isPodReady(pod),
  ).length;
  const total = expected instanceof Error ? 0 : expected;
  const desired = expected instanceof Error ? 0 : desiredHealthy(budget, total);
  const allowed = expected instanceof Error || total <= 0 ? 0 : Math.max(0, healthy - desired);
  const condition = {
    type: 'DisruptionAllowed',
    status: allowed > 0 ? 'True' : 'False',
    reason: expected instanceof Error ? 'SyncFailed' : allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
    message: expected instanceof Error ? expected.message : '',
    observedGeneration: budget.metadata?.generation ?? 0,
  };
  const times = Object.values(disrupted).map((time) => Date.parse(time) + patience - now.getTime());
  return {
    status: {
      observedGeneration: budget.metadata?.generation ?? 0,
      ...(times.length > 0 ? { disruptedPods: disrupted } : {}),
      disruptionsAllowed: allowed,
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: total,
      conditions: [withTime(budget.status?.conditions ?? [], condition, now)],
    },
    requeueAfter: times.length > 0 ? Math.max(1, Math.min(...times)) : undefined,
  };
}

function desiredHealthy({ spec }: PodDisruptionBudget, expected: number): number {
  const { minAvailable, maxUnavailable } = spec ?? {};
  if (maxUnavailable !== undefined)
    return Math.max(0, expected - scaledValue(maxUnavailable, expected, true));
  return scaledValue(minAvailable, expected, true);
}

/** Pods that were to be evicted and have not gone yet, unless that was too long ago. */
function stillDisrupted(
  { status }: PodDisruptionBudget,
  pods: readonly Pod[],
  now: number,
): Record<string, string> {
  const entries = Object.entries(status?.disruptedPods ?? {}).filter(([name, time]) => {
    const pod = pods.find(({ metadata }) => metadata?.name === name);
    return pod && pod.metadata?.deletionTimestamp === undefined && Date.parse(time) + patience > now;
  });
  return Object.fromEntries(entries);
}

function withTime(
  known: readonly Condition[],
  condition: Omit<Condition, 'lastTransitionTime'>,
  now: Date,
): Condition {
  const before = known.find(({ type }) => type === condition.type);
  const isSame = before?.status === condition.status;
  return { ...condition, lastTransitionTime: isSame ? before.lastTransitionTime : timestamp(now) };
}
