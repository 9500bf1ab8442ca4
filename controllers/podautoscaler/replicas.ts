import type { Pod } from '../../api/types.ts';
import { podCondition } from '../pod.ts';
import { parseQuantity } from '../scheduler/resources.ts';

/** One measured value: thousandths of the unit, when it was measured (ms) and over how long (ms). */
export interface Sample {
  milli: number;
  at: number;
  window: number;
}

/** By the name of the pod. */
export type Samples = ReadonlyMap<string, Sample>;

export interface Proposal {
  replicas: number;
  /** Percent of what is requested, where that is what counts. */
  utilization?: number;
  /** Thousandths of the unit; of several pods their average. */
  milli: number;
}

/** So much more or less than wanted is no reason to change anything. Upstream: `--horizontal-pod-autoscaler-tolerance`. */
const tolerance = 0.1;
/** Pods that began so little ago (ms) use CPU for beginning. Upstream: `--horizontal-pod-autoscaler-cpu-initialization-period`. */
const initialization = 5 * 60_000;
/** Who became unready within so long (ms) of its start has not been ready yet. */
const initialReadiness = 30_000;

const isNear = (ratio: number): boolean => Math.abs(1 - ratio) <= tolerance;

/**
 * How many pods bring the average use of a resource to `target` percent of what they request. Pure. Upstream:
 * GetResourceReplicas in `pkg/controller/podautoscaler/replica_calculator.go`.
 * @throws Error in upstream's words where that cannot be said
 */
export function replicasForUtilization(
  current: number,
  target: number,
  resource: string,
  samples: Samples,
  pods: readonly Pod[],
  now: number,
  container?: string,
): Proposal {
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const groups = groupPods(pods, samples, resource, now);
  const requests = requestsOf(pods, resource, container);
  const measured = new Map(groups.measured);
  if (measured.size === 0) throw unready();
  const { ratio, utilization, milli } = utilizationRatio(measured, requests, target);
  const result = { utilization, milli };
  const growsDespite = groups.unready.length > 0 && ratio > 1;
  if (!growsDespite && groups.missing.length === 0) {
    return { ...result, replicas: isNear(ratio) ? current : Math.ceil(ratio * groups.ready) };
  }
  // What is not known counts against any change: as all of its request, or as nothing.
  if (ratio !== 1) {
    const share = ratio < 1 ? Math.max(100, target) / 100 : 0;
    for (const name of groups.missing) measured.set(name, (requests.get(name) ?? 0) * share);
  }
  if (growsDespite) for (const name of groups.unready) measured.set(name, 0);
  const guess = utilizationRatio(measured, requests, target).ratio;
  return { ...result, replicas: cautious(current, ratio, guess, measured.size) };
}

/** How many pods bring the average value of each to `target` thousandths. Upstream: calcPlainMetricReplicas. */
export function replicasForAverage(
  current: number,
  target: number,
  resource: string,
  samples: Samples,
  pods: readonly Pod[],
  now: number,
): Proposal {
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const groups = groupPods(pods, samples, resource, now);
  const measured = new Map(groups.measured);
  if (measured.size === 0) throw unready();
  const milli = average(measured);
  const ratio = milli / target;
  const growsDespite = groups.unready.length > 0 && ratio > 1;
  if (!growsDespite && groups.missing.length === 0) {
    return { milli, replicas: isNear(ratio) ? current : Math.ceil(ratio * groups.ready) };
  }
  if (ratio !== 1) for (const name of groups.missing) measured.set(name, ratio < 1 ? target : 0);
  if (growsDespite) for (const name of groups.unready) measured.set(name, 0);
  return { milli, replicas: cautious(current, ratio, average(measured) / target, measured.size) };
}

/** For one value that all pods share. Upstream: getUsageRatioReplicaCount. */
export function replicasForValue(
  current: number,
  target: number,
  value: number,
  pods: readonly Pod[],
): Proposal {
  const ratio = value / target;
  if (current === 0) return { milli: value, replicas: Math.ceil(ratio) };
  if (isNear(ratio)) return { milli: value, replicas: current };
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isReady(pod)).length;
  return { milli: value, replicas: Math.ceil(ratio * ready) };
}

/** For one value of which each pod takes a part. Upstream: GetExternalPerPodMetricReplicas. */
export function replicasForShare(current: number, target: number, value: number): Proposal {
  const replicas = isNear(value / (target * current)) ? current : Math.ceil(value / target);
  return { replicas, milli: current === 0 ? 0 : Math.ceil(value / current) };
}

const unready = () => new Error('did not receive metrics for targeted pods (pods might be unready)');
const isReady = (pod: Pod) => podCondition(pod, 'Ready')?.status === 'True';

/** A guess may say less than what was measured, never the opposite. */
function cautious(current: number, ratio: number, guess: number, pods: number): number {
  if (isNear(guess) || (ratio < 1 && guess > 1) || (ratio > 1 && guess < 1)) return current;
  const replicas = Math.ceil(guess * pods);
  if ((guess < 1 && replicas > current) || (guess > 1 && replicas < current)) return current;
  return replicas;
}

/** Upstream: groupPods. What CPU a pod uses while it begins says nothing about its load. */
function groupPods(pods: readonly Pod[], samples: Samples, resource: string, now: number) {
  const measured = new Map([...samples].map(([name, { milli }]) => [name, milli]));
  const unready: string[] = [];
  const missing: string[] = [];
  let ready = 0;
  for (const pod of pods) {
    const { name = '', deletionTimestamp } = pod.metadata ?? {};
    const sample = samples.get(name);
    if (deletionTimestamp || pod.status?.phase === 'Failed') measured.delete(name);
    else if (pod.status?.phase === 'Pending') unready.push(name);
    else if (!sample) missing.push(name);
    else if (resource === 'cpu' && isBeginning(pod, sample, now)) unready.push(name);
    else ready += 1;
  }
  for (const name of unready) measured.delete(name);
  return { measured, unready, missing, ready };
}

function isBeginning(pod: Pod, sample: Sample, now: number): boolean {
  const condition = podCondition(pod, 'Ready');
  const started = Date.parse(pod.status?.startTime ?? '');
  if (!condition || Number.isNaN(started)) return true;
  const since = Date.parse(condition.lastTransitionTime ?? '') || 0;
  if (started + initialization > now)
    return condition.status === 'False' || sample.at < since + sample.window;
  return condition.status === 'False' && started + initialReadiness > since;
}

/** Thousandths, by pod. @throws Error for a container that requests nothing */
function requestsOf(pods: readonly Pod[], resource: string, only?: string): Map<string, number> {
  return new Map(
    pods.map(({ metadata, spec }) => {
      const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
      let sum = 0;
      for (const { name, resources } of [...(spec?.containers ?? []), ...sidecars]) {
        if (only !== undefined && only !== name) continue;
        const request = resources?.requests?.[resource];
        if (request === undefined) {
          throw new Error(`missing request for ${resource} in container ${name} of Pod ${metadata?.name}`);
        }
        sum += parseQuantity(request) * 1000;
      }
      return [metadata?.name ?? '', sum];
    }),
  );
}

/** Upstream: GetResourceUtilizationRatio. */
function utilizationRatio(
  measured: ReadonlyMap<string, number>,
  requests: ReadonlyMap<string, number>,
  target: number,
) {
  let used = 0;
  let requested = 0;
  let count = 0;
  for (const [name, milli] of measured) {
    const request = requests.get(name);
    // Of a pod that is not selected any more.
    if (request === undefined) continue;
    used += milli;
    requested += request;
    count += 1;
  }
  if (requested === 0) throw new Error('no metrics returned matched known pods');
  const utilization = Math.trunc((used * 100) / requested);
  return { ratio: utilization / target, utilization, milli: Math.trunc(used / count) };
}

function average(measured: ReadonlyMap<string, number>): number {
  const sum = [...measured.values()].reduce((total, milli) => total + milli, 0);
  return Math.trunc(sum / measured.size);
}
