import type { V2HorizontalPodAutoscaler, V2HPAScalingRules } from '../../api/types.ts';

/** What was recommended and done before, with times in ms. */
export interface History {
  recommendations: { replicas: number; at: number }[];
  /** By how many, up positive, down negative. */
  changes: { by: number; at: number }[];
}

export interface Told {
  reason: string;
  message: string;
}

export interface Normalized {
  replicas: number;
  /** Of the condition AbleToScale, which is true. */
  able: Told;
  /** Of the condition ScalingLimited. */
  limited: Told & { status: 'True' | 'False' };
}

/** Where nothing is said about it (ms). Upstream: `--horizontal-pod-autoscaler-downscale-stabilization`. */
const downscaleWindow = 300_000;
/** Without a behavior: at most twice as many, or four, at once. */
const growthFactor = 2;
const leastGrowth = 4;

const lower: Told = {
  reason: 'ScaleDownStabilized',
  message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
};
const higher: Told = {
  reason: 'ScaleUpStabilized',
  message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
};
const settled: Told = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' };
const within: Told = {
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
};
const tooFew: Told = {
  reason: 'TooFewReplicas',
  message: 'the desired replica count is less than the minimum replica count',
};
const tooMany: Told = {
  reason: 'TooManyReplicas',
  message: 'the desired replica count is more than the maximum replica count',
};
const tooFast: Told = {
  reason: 'ScaleUpLimit',
  message: 'the desired replica count is increasing faster than the maximum scale rate',
};
const tooFastDown: Told = {
  reason: 'ScaleDownLimit',
  message: 'the desired replica count is decreasing faster than the maximum scale rate',
};

/**
 * What becomes of a recommendation by the bounds, the rates and the windows of an autoscaler. It is added to the history.
 * Upstream: normalizeDesiredReplicas and normalizeDesiredReplicasWithBehaviors.
 */
export function normalize(
  { spec }: V2HorizontalPodAutoscaler,
  current: number,
  recommended: number,
  history: History,
  now: number,
): Normalized {
  const { scaleUp, scaleDown } = spec.behavior ?? {};
  const windowUp = (scaleUp?.stabilizationWindowSeconds ?? 0) * 1000;
  const windowDown = (scaleDown?.stabilizationWindowSeconds ?? downscaleWindow / 1000) * 1000;
  const recent = (window: number) =>
    history.recommendations.filter(({ at }) => at > now - window).map(({ replicas }) => replicas);
  const least = Math.min(recommended, ...recent(windowUp));
  const most = Math.max(recommended, ...recent(windowDown));
  const stable = spec.behavior ? Math.max(least, Math.min(current, most)) : most;
  const longest = Math.max(windowUp, windowDown);
  history.recommendations = history.recommendations.filter(({ at }) => at > now - longest);
  history.recommendations.push({ replicas: recommended, at: now });
  const able = stable === recommended ? settled : recommended >= current && spec.behavior ? higher : lower;

  const { replicas, told } = spec.behavior
    ? limitByRules(spec, current, stable, history, now)
    : limitBySize(spec, current, stable);
  return { replicas, able, limited: { ...told, status: replicas === stable ? 'False' : 'True' } };
}

type Spec = V2HorizontalPodAutoscaler['spec'];

/** Upstream: convertDesiredReplicasWithRules. */
function limitBySize({ minReplicas = 1, maxReplicas }: Spec, current: number, wanted: number) {
  if (wanted < minReplicas) return { replicas: minReplicas, told: tooFew };
  const limit = Math.max(growthFactor * current, leastGrowth);
  if (wanted > Math.min(limit, maxReplicas)) {
    return { replicas: Math.min(limit, maxReplicas), told: maxReplicas > limit ? tooFast : tooMany };
  }
  return { replicas: wanted, told: within };
}

/** Upstream: convertDesiredReplicasWithBehaviorRate. */
function limitByRules(
  { minReplicas = 1, maxReplicas, behavior }: Spec,
  current: number,
  wanted: number,
  history: History,
  now: number,
) {
  if (wanted > current) {
    const limit = Math.max(current, growthLimit(current, behavior?.scaleUp, history, now));
    const most = Math.min(limit, maxReplicas);
    if (wanted > most) return { replicas: most, told: maxReplicas > limit ? tooFast : tooMany };
  } else if (wanted < current) {
    const limit = Math.min(current, shrinkLimit(current, behavior?.scaleDown, history, now));
    const least = Math.max(limit, minReplicas);
    if (wanted < least) return { replicas: least, told: minReplicas < limit ? tooFastDown : tooFew };
  }
  return { replicas: wanted, told: within };
}

/** How many there were when a period began. */
function countAgo(current: number, seconds: number, { changes }: History, now: number): number {
  const recent = changes.filter(({ at }) => at > now - seconds * 1000);
  return current - recent.reduce((sum, { by }) => sum + by, 0);
}

function growthLimit(current: number, rules: V2HPAScalingRules = {}, history: History, now: number): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const limits = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const before = countAgo(current, periodSeconds, history, now);
    return type === 'Pods' ? before + value : Math.ceil(before * (1 + value / 100));
  });
  return rules.selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits);
}

function shrinkLimit(current: number, rules: V2HPAScalingRules = {}, history: History, now: number): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const limits = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const before = countAgo(current, periodSeconds, history, now);
    return type === 'Pods' ? before - value : Math.trunc(before * (1 - value / 100));
  });
  return rules.selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits);
}
