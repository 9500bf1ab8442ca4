import type { IncomingMessage, ServerResponse } from 'node:http';
import { resources } from '../../api/scheme.ts';
import { statusError } from '../../api/status.ts';
import type { Node, ObjectMeta, Pod } from '../../api/types.ts';
import type { Kubelets } from '../http/kubelet.ts';
import { parseLabelSelector } from '../http/label-selector.ts';
import { sendJson } from '../http/respond.ts';
import { parseFieldSelector } from '../http/selectors.ts';
import { requestUrl, unknownPath } from '../http/target.ts';
import { missing } from '../registry/pipeline/failures.ts';
import type { Lookup } from '../registry/strategy.ts';
import { metricsPath, metricsResources } from './rows.ts';
import { type Counted, createSampler, type Interval, type Sampler } from './sampler.ts';

const apiVersion = 'metrics.k8s.io/v1beta1';
const samplers = new WeakMap<Kubelets, Sampler>();

interface Metrics {
  metadata: ObjectMeta;
}

/** `metrics.k8s.io`: what nodes and pods use now, asked of kubelets when somebody wants to know. */
export async function serveResourceMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  { lookup, kubelets }: { lookup: Lookup; kubelets: Kubelets },
): Promise<void> {
  const { pathname, searchParams: query } = requestUrl(request);
  const parts = pathname.slice(metricsPath.length).split('/').map(decodeURIComponent);
  const namespace = parts[0] === 'namespaces' ? parts.splice(0, 2)[1] : undefined;
  const [plural = '', name, ...rest] = parts;
  const isNodes = plural === 'nodes' && namespace === undefined;
  if (rest.length > 0 || !(isNodes || plural === 'pods') || (name && !isNodes && !namespace)) {
    throw unknownPath();
  }
  if (request.method !== 'GET') {
    const message = 'the server does not allow this method on the requested resource';
    throw statusError('MethodNotAllowed', message, {});
  }
  const sampler = samplers.get(kubelets) ?? createSampler(kubelets);
  samplers.set(kubelets, sampler);
  const isMeant = filter(query, name);
  const items = isNodes
    ? await ofNodes([...lookup.list(resources.nodes)].filter(isMeant), sampler)
    : await ofPods([...lookup.list(resources.pods, namespace)].filter(isMeant), sampler);
  const kind = isNodes ? metricsResources.nodes.kind : metricsResources.pods.kind;
  if (name === undefined) {
    sendJson(response, 200, { kind: `${kind}List`, apiVersion, metadata: {}, items });
    return;
  }
  const [item] = items;
  if (!item) throw missing(isNodes ? metricsResources.nodes : metricsResources.pods, name);
  sendJson(response, 200, { kind, apiVersion, ...item });
}

function filter(query: URLSearchParams, name: string | undefined) {
  const labels = query.get('labelSelector');
  const matches = labels ? parseLabelSelector(labels) : undefined;
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '');
  return ({ metadata = {} }: { metadata?: ObjectMeta }): boolean => {
    const own: Record<string, string | undefined> = {
      'metadata.name': metadata.name,
      'metadata.namespace': metadata.namespace,
    };
    return (
      (name === undefined || metadata.name === name) &&
      (matches?.(metadata.labels ?? {}) ?? true) &&
      fields.every(({ field, equal, value }) => (own[field] === value) === equal)
    );
  };
}

async function ofNodes(nodes: readonly Node[], sampler: Sampler): Promise<Metrics[]> {
  const measured = await Promise.all(
    nodes.map(async ({ metadata }) => ({ metadata, interval: await sampleOf(metadata?.name, sampler) })),
  );
  return measured.flatMap(({ metadata, interval }) => {
    if (!interval) return [];
    const { before, after } = interval;
    return [{ ...head(metadata, interval), usage: usage(before.node, after.node, interval) }];
  });
}

async function ofPods(pods: readonly Pod[], sampler: Sampler): Promise<Metrics[]> {
  const names = [...new Set(pods.flatMap(({ spec }) => spec?.nodeName ?? []))];
  const intervals = new Map(
    await Promise.all(names.map(async (name) => [name, await sampleOf(name, sampler)] as const)),
  );
  return pods.flatMap(({ metadata, spec, status }) => {
    const interval = intervals.get(spec?.nodeName ?? '');
    if (!interval || status?.phase !== 'Running') return [];
    const restarting = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
    const containers = [...(spec?.containers ?? []), ...restarting].flatMap(({ name }) => {
      const key = `${metadata?.namespace}/${metadata?.name}/${name}`;
      const before = interval.before.containers.get(key);
      const after = interval.after.containers.get(key);
      return after ? [{ name, usage: usage(before, after, interval) }] : [];
    });
    // Half of a pod would pass for little use.
    if (containers.length === 0 || containers.length < (spec?.containers.length ?? 0)) return [];
    return [{ ...head(metadata, interval), containers }];
  });
}

/** Nothing of a node that cannot be asked: that is all there is to say of it. */
async function sampleOf(node: string | undefined, sampler: Sampler): Promise<Interval | undefined> {
  try {
    return await sampler(node ?? '');
  } catch {
    // A kubelet that does not answer has no metrics, as one that metrics-server could not reach.
    return undefined;
  }
}

function head({ name = '', namespace, labels }: ObjectMeta = {}, { before, after }: Interval) {
  return {
    metadata: {
      name,
      ...(namespace ? { namespace } : {}),
      creationTimestamp: seconds(Date.now()),
      ...(labels ? { labels } : {}),
    },
    timestamp: seconds(after.at),
    window: `${(after.at - before.at) / 1000}s`,
  };
}

/** What a container counts that was started meanwhile is of the time since then. */
function usage(before: Counted | undefined, after: Counted, interval: Interval): Record<string, string> {
  const { before: first, after: last } = interval;
  const isNew = !before || after.cpu < before.cpu;
  const since = isNew ? (after.started ?? first.at) : first.at;
  const used = after.cpu - (isNew ? 0 : before.cpu);
  const rate = used / Math.max(0.1, (last.at - since) / 1000);
  return { cpu: `${Math.round(rate * 1e9)}n`, memory: `${Math.round(after.memory / 1024)}Ki` };
}

const seconds = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
