import { isDeepStrictEqual } from 'node:util';
import type { Client } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { ContainerState, Pod, PodStatus } from '../../api/types.ts';
import { statusBefore } from './observe.ts';
import { apiTime, type ContainerEntry, type PodState, runtimeName } from './state.ts';
import { type ContainerView, podStatus } from './status.ts';

/** A pod's status on its way to the API. */
export interface Reporter {
  /** Resolves when the newest status is in the API or the pod is not; never rejects. */
  report(state: PodState): Promise<void>;
}

export interface ReporterOptions {
  nodeIps: readonly string[];
  signal: AbortSignal;
  onError(state: PodState, error: unknown): void;
}

/** Writes one status at a time a pod; changes made meanwhile travel together in the next write. */
export function createReporter(client: Client, options: ReporterOptions): Reporter {
  const busy = new Map<string, Promise<void>>();
  const dirty = new Set<string>();

  async function write(state: PodState): Promise<void> {
    const { pod } = state;
    if (!pod || options.signal.aborted) return;
    if (state.isStatic && !state.mirror) return;
    const { name = '', namespace = '', uid = '' } = (state.mirror ?? pod).metadata ?? {};
    const status = podStatus(pod, {
      podIps: state.ips,
      hostIps: options.nodeIps,
      startTime: state.startTime,
      sandboxReady: state.sandboxReady,
      containers: views(state),
      now: apiTime(),
      ...(state.failure ? { failure: state.failure } : {}),
      finished: state.finished ?? false,
    });
    // Times of conditions follow what was read, so compare without those that change now.
    const text = JSON.stringify({
      ...status,
      conditions: status.conditions?.map(({ lastTransitionTime, ...rest }) => rest),
    });
    if (text === state.sent && !isDisturbed(state, status)) return;
    const ref = { name, namespace, subresource: 'status' };
    try {
      const written = await client.patch(resources.pods, ref, 'merge', { metadata: { uid }, status });
      state.sent = text;
      state.sentVersion = Number(written.metadata?.resourceVersion);
    } catch (error) {
      // The pod, or this incarnation of it, is no more.
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    }
  }

  async function drain(state: PodState): Promise<void> {
    do {
      dirty.delete(state.uid);
      // One turn of the event loop gathers what happens together.
      await Promise.resolve();
      try {
        await write(state);
      } catch (error) {
        if (!options.signal.aborted) options.onError(state, error);
      }
    } while (dirty.has(state.uid));
    busy.delete(state.uid);
  }

  return {
    report(state) {
      dirty.add(state.uid);
      const running = busy.get(state.uid);
      if (running) return running;
      const next = drain(state);
      busy.set(state.uid, next);
      return next;
    },
  };
}

/**
 * True when the API shows another status than was written last: the node lifecycle controller says of a silent
 * node's pods that they are not ready. What was read before that write says nothing. Upstream: needsReconcile
 * of `pkg/kubelet/status/status_manager.go`.
 */
function isDisturbed({ pod, mirror, sentVersion = 0 }: PodState, status: PodStatus): boolean {
  const seen = mirror ?? pod;
  if (Number(seen?.metadata?.resourceVersion ?? 0) < sentVersion) return false;
  return !isDeepStrictEqual(JSON.parse(JSON.stringify(status)), seen?.status);
}

function views(state: PodState): Map<string, ContainerView> {
  const seen = [...state.containers.values()].filter(
    (entry) => (entry.running && !entry.hook) || entry.terminated || entry.waiting || entry.previous,
  );
  return new Map(seen.map((entry) => [entry.name, containerView(entry, state.pod)]));
}

function containerView(entry: ContainerEntry, pod: Pod | undefined): ContainerView {
  const { running, terminated, waiting, previous, record, probes, hook } = entry;
  const last = waiting ? (terminated ?? previous) : previous;
  const containerID = record ? `${runtimeName}://${record.id}` : terminated?.containerID;
  // While its postStart hook runs, kubelet does not tell that a container runs either.
  const state: ContainerState =
    running && !hook
      ? { running: { startedAt: running.startedAt } }
      : waiting
        ? { waiting }
        : terminated
          ? { terminated }
          : {};
  const { started, ready } = probes ?? statusBefore(pod, entry) ?? { started: false, ready: false };
  return {
    state,
    ...(last ? { lastState: { terminated: last } } : {}),
    ...(containerID ? { containerID } : {}),
    imageID: record?.imageID ?? '',
    restartCount: record?.attempt ?? Math.max(0, entry.firstAttempt - 1),
    started,
    ready,
  };
}
