import type { Again } from '../../api/queue.ts';
import { collectionPath, type Resource, resourceOf, resources } from '../../api/scheme.ts';
import type {
  Pod,
  Scale,
  V2HorizontalPodAutoscaler,
  V2HorizontalPodAutoscalerCondition,
  V2HorizontalPodAutoscalerStatus,
  V2MetricStatus,
} from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { type DiscoveredKind, discoverKinds } from '../discovery.ts';
import { sameJson } from '../lookup.ts';
import { timestamp } from '../pod.ts';
import { untilSeen } from '../seen.ts';
import { type History, normalize } from './behavior.ts';
import { type Computed, computeMetric, MetricError, type Target } from './compute.ts';
import { createMetricsClient } from './metrics.ts';

/** Longest that anything of a history is looked at (ms). */
const remembered = 3_600_000;

/** What one look at an autoscaler finds out; written at its end. */
interface Look {
  status: V2HorizontalPodAutoscalerStatus;
  set(type: string, status: 'True' | 'False', reason: string, message: string): void;
}

/** Gives workloads as many replicas as their metrics ask for. Upstream: `pkg/controller/podautoscaler`. */
export const startPodAutoscalerController: Controller = (context) => {
  const { client, informers, customKinds, settings } = context;
  const autoscalers = informers.horizontalpodautoscalers;
  const recorder = context.recorder('horizontal-pod-autoscaler');
  const metrics = createMetricsClient(client);
  const histories = new Map<string, History>();
  /** The pods that each of them found, by their names. */
  const selected = new Map<string, ReadonlySet<string>>();
  const queue = context.reconciler('horizontal-pod-autoscaler', reconcile, 5);

  autoscalers.onChange(({ key, type, object, old }) => {
    if (type === 'deleted') {
      histories.delete(key);
      selected.delete(key);
    } else if (!old || !sameJson(object.spec, old.spec)) queue.enqueue(key);
  });
  for (const key of autoscalers.store.keys()) queue.enqueue(key);

  async function reconcile(key: string): Promise<Again | undefined> {
    const autoscaler = autoscalers.store.get(key);
    if (!autoscaler || autoscaler.metadata?.deletionTimestamp) return undefined;
    const look = begin(autoscaler);
    await decide(key, autoscaler, look);
    if (!sameJson(look.status, autoscaler.status)) {
      const written = await client.update(
        resources.horizontalpodautoscalers,
        { ...autoscaler, status: look.status },
        'status',
      );
      await untilSeen(autoscalers, written);
    }
    return { requeueAfter: settings.podAutoscalerSyncMs };
  }

  async function decide(key: string, autoscaler: V2HorizontalPodAutoscaler, look: Look): Promise<void> {
    const { spec, metadata } = autoscaler;
    const { namespace = '' } = metadata ?? {};
    const { apiVersion = 'v1', kind, name } = spec.scaleTargetRef;
    let resource: Resource | undefined;
    let scale: Scale;
    try {
      resource = await kindOf(apiVersion, kind);
      if (!resource) {
        const [group = ''] = apiVersion.includes('/') ? apiVersion.split('/') : [''];
        throw new Error(`no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`);
      }
      scale = await client.request<Scale>('GET', scalePath(resource, namespace, name));
    } catch (error) {
      const why = textOf(error);
      recorder.event(autoscaler, 'Warning', 'FailedGetScale', why);
      const message = `the HPA controller was unable to get the target's current scale: ${why}`;
      return look.set('AbleToScale', 'False', 'FailedGetScale', message);
    }
    const able = "the HPA controller was able to get the target's current scale";
    look.set('AbleToScale', 'True', 'SucceededGetScale', able);
    const current = scale.spec?.replicas ?? 0;
    const history = histories.get(key) ?? {
      recommendations: [{ replicas: current, at: Date.now() }],
      changes: [],
    };
    histories.set(key, history);
    look.status.currentReplicas = current;
    const { minReplicas = 1, maxReplicas } = spec;
    let desired = current;
    let why = '';
    if (current === 0 && minReplicas !== 0) {
      const message = 'scaling is disabled since the replica count of the target is zero';
      look.set('ScalingActive', 'False', 'ScalingDisabled', message);
      desired = 0;
    } else if (current > maxReplicas) {
      why = 'Current number of replicas above Spec.MaxReplicas';
      desired = maxReplicas;
    } else if (current < minReplicas) {
      why = 'Current number of replicas below Spec.MinReplicas';
      desired = minReplicas;
    } else {
      const found = await measure(key, autoscaler, scale, look);
      if (!found) return;
      look.status.currentMetrics = found.statuses;
      const wanted = Math.max(0, found.replicas);
      why = wanted > current ? `${found.name} above target` : 'All metrics below target';
      const normalized = normalize(autoscaler, current, wanted, history, Date.now());
      look.set('AbleToScale', 'True', normalized.able.reason, normalized.able.message);
      const { status, reason, message } = normalized.limited;
      look.set('ScalingLimited', status, reason, message);
      desired = normalized.replicas;
    }
    look.status.desiredReplicas = desired;
    if (desired !== current) await rescale(autoscaler, resource, scale, desired, why, look, history);
  }

  async function rescale(
    autoscaler: V2HorizontalPodAutoscaler,
    resource: Resource,
    scale: Scale,
    desired: number,
    why: string,
    look: Look,
    history: History,
  ): Promise<void> {
    const { namespace = '' } = autoscaler.metadata ?? {};
    const path = scalePath(resource, namespace, scale.metadata?.name ?? '');
    try {
      await client.request('PUT', path, { ...scale, spec: { ...scale.spec, replicas: desired } });
    } catch (error) {
      const problem = textOf(error);
      const text = `New size: ${desired}; reason: ${why}; error: ${problem}`;
      recorder.event(autoscaler, 'Warning', 'FailedRescale', text);
      const message = `the HPA controller was unable to update the target scale: ${problem}`;
      look.set('AbleToScale', 'False', 'FailedUpdateScale', message);
      look.status.desiredReplicas = autoscaler.status?.desiredReplicas ?? 0;
      return;
    }
    const message = `the HPA controller was able to update the target scale to ${desired}`;
    look.set('AbleToScale', 'True', 'SucceededRescale', message);
    recorder.event(autoscaler, 'Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${why}`);
    const now = Date.now();
    look.status.lastScaleTime = timestamp(new Date(now));
    const kept = history.changes.filter(({ at }) => at > now - remembered);
    history.changes = [...kept, { by: desired - (scale.spec?.replicas ?? 0), at: now }];
  }

  /** The most that any metric asks for; undefined where too little is known. Upstream: computeReplicasForMetrics. */
  async function measure(
    key: string,
    autoscaler: V2HorizontalPodAutoscaler,
    scale: Scale,
    look: Look,
  ): Promise<{ replicas: number; name: string; statuses: V2MetricStatus[] } | undefined> {
    const { metrics: specs = [] } = autoscaler.spec;
    const give = (reason: string, told: string, message = told): undefined => {
      recorder.event(autoscaler, 'Warning', reason, told);
      look.set('ScalingActive', 'False', reason, message);
    };
    const { selector = '' } = scale.status ?? {};
    if (!selector) {
      recorder.event(autoscaler, 'Warning', 'SelectorRequired', 'selector is required');
      const message = "the HPA target's scale is missing a selector";
      look.set('ScalingActive', 'False', 'InvalidSelector', message);
      return undefined;
    }
    const target = await targetOf(autoscaler, scale, selector);
    const rivals = rivalsOf(key, target.pods);
    if (rivals.length > 1) {
      const text = `pods by selector ${selector} are controlled by multiple HPAs: [${rivals.join(' ')}]`;
      return give('AmbiguousSelector', text);
    }
    const results = await Promise.all(
      specs.map((spec) => computeMetric(spec, target, metrics, Date.now()).catch(asMetricError)),
    );
    const failures = results.filter((result) => result instanceof MetricError);
    const found = results.filter((result): result is Computed => !(result instanceof MetricError));
    for (const { reason, told } of failures) recorder.event(autoscaler, 'Warning', reason, told);
    const statuses = results.map((result) => (result instanceof MetricError ? { type: '' } : result.status));
    const best = found.toSorted((a, b) => b.replicas - a.replicas)[0];
    const [first] = failures;
    if (first && (!best || best.replicas < (scale.spec?.replicas ?? 0))) {
      const message = `the HPA was unable to compute the replica count: ${first.told}`;
      look.set('ScalingActive', 'False', first.reason, message);
      const text = `invalid metrics (${failures.length} invalid out of ${specs.length}), first error is: ${first.message}`;
      recorder.event(autoscaler, 'Warning', 'FailedComputeMetricsReplicas', text);
      look.status.currentMetrics = statuses;
      return undefined;
    }
    if (!best) return undefined;
    const message = `the HPA was able to successfully calculate a replica count from ${best.name}`;
    look.set('ScalingActive', 'True', 'ValidMetricFound', message);
    return { replicas: best.replicas, name: best.name, statuses };
  }

  async function targetOf(
    { metadata }: V2HorizontalPodAutoscaler,
    scale: Scale,
    selector: string,
  ): Promise<Target> {
    const { namespace = '' } = metadata ?? {};
    const { items: pods } = await client.list(resources.pods, { namespace, labelSelector: selector });
    return {
      namespace,
      wanted: scale.spec?.replicas ?? 0,
      present: scale.status?.replicas ?? 0,
      selector,
      pods,
      async pluralOf(apiVersion, kind) {
        const row = await kindOf(apiVersion, kind);
        if (!row)
          throw new Error(
            `no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`,
          );
        return row.name;
      },
    };
  }

  /** All autoscalers that count these pods. Upstream: hpasControllingPodsUnderSelector. */
  function rivalsOf(key: string, pods: readonly Pod[]): string[] {
    const names = new Set(pods.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`));
    selected.set(key, names);
    return [...selected]
      .filter(([, theirs]) => [...names].some((name) => theirs.has(name)))
      .map(([other]) => other);
  }

  async function kindOf(apiVersion: string, kind: string): Promise<Resource | undefined> {
    const known = resourceOf(apiVersion, kind) ?? customKinds.resourceOf(apiVersion, kind);
    if (known) return known;
    const isMeant = (one: DiscoveredKind) =>
      one.kind === kind && apiVersion === (one.group ? `${one.group}/${one.version}` : one.version);
    return (await discoverKinds(client)).find(isMeant);
  }
};

function begin({ metadata, status }: V2HorizontalPodAutoscaler): Look {
  const look: Look = {
    status: {
      ...status,
      desiredReplicas: status?.desiredReplicas ?? 0,
      ...(metadata?.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    },
    set(type, state, reason, message) {
      const conditions = look.status.conditions ?? [];
      const before = conditions.find((one) => one.type === type);
      const since = before?.status === state ? before.lastTransitionTime : undefined;
      const condition: V2HorizontalPodAutoscalerCondition = {
        type,
        status: state,
        lastTransitionTime: since ?? timestamp(),
        reason,
        message,
      };
      look.status.conditions = before
        ? conditions.map((one) => (one === before ? condition : one))
        : [...conditions, condition];
    },
  };
  return look;
}

function scalePath(resource: Resource, namespace: string, name: string): string {
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}/scale`;
}

function asMetricError(error: unknown): MetricError {
  if (error instanceof MetricError) return error;
  throw error;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
