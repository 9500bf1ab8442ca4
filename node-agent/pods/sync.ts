import type { Again } from '../../api/queue.ts';
import type { Pod } from '../../api/types.ts';
import { eventSubject, type PodContext } from './context.ts';
import { portRefusal } from './host-ports.ts';
import { entryOf, observe } from './observe.ts';
import { runContainers } from './run.ts';
import { createSandbox } from './sandbox.ts';
import { refusal } from './security.ts';
import { NotYetError } from './sources.ts';
import type { PodState } from './state.ts';
import { removePod, settlePod, terminatePod } from './terminate.ts';
import { prepareVolumes } from './volumes.ts';

/** Files of volumes are compared with their sources this often, and when the pod's labels or annotations change. */
const refreshInterval = 60_000;

/** How long a pod waits for a volume's source before it looks again. */
const mountRetry = 1_000;

/** Brings one pod of this node to what its object wants. Resolves `gone` once nothing of it is left. */
export async function syncPod(context: PodContext, state: PodState): Promise<Again | 'gone' | undefined> {
  const { pod } = state;
  for (const entry of state.containers.values()) observe(context, state, entry);
  if (!pod) return removePod(context, state);
  if (pod.metadata?.deletionTimestamp) return terminatePod(context, state, pod);
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed')
    return settlePod(context, state, pod);
  const deadline = deadlineOf(state, pod);
  if (deadline <= Date.now() && !state.failure) {
    const message = 'Pod was active on the node longer than the specified deadline';
    state.failure = { reason: 'DeadlineExceeded', message };
    context.recorder.event(eventSubject(pod), 'Normal', 'DeadlineExceeded', message);
  }
  const letIn = state.sandboxReady || state.admitted;
  const refused = letIn ? undefined : (refusal(pod) ?? portRefusal(pod, context.states()));
  // At once, and not when its sandbox stands: of two that come together one must find the other's ports taken.
  state.admitted = !refused;
  if (refused && !state.failure) {
    state.failure = { reason: refused.reason, message: `Pod was rejected: ${refused.message}` };
    context.recorder.event(eventSubject(pod), 'Warning', refused.reason, refused.message);
  }
  if (state.failure) {
    const again = await settlePod(context, state, pod);
    void context.report(state);
    return again;
  }

  if (!state.sandboxReady) {
    if (!pod.spec?.hostNetwork && !context.network()) return undefined;
    // What the API remembers of earlier containers is read before it is written over.
    for (const { name } of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])])
      entryOf(state, name);
    reportStart(context, state);
  }
  try {
    const again = (await prepare(context, state, pod)) ?? (await runContainers(context, state, pod));
    const limit = Math.min(refreshInterval, Math.max(deadline - Date.now(), 0));
    return { requeueAfter: Math.min(again?.requeueAfter ?? limit, limit) };
  } finally {
    void context.report(state);
  }
}

/** So many starts within so many milliseconds are a crowd. */
const crowd = { size: 10, within: 5_000 };

/**
 * ContainerCreating, as `kubectl get -w` shows it; the start does not wait for the answer. In a crowd it is told only of who
 * takes long: each word costs a third of what the next, that it runs, waits for.
 */
function reportStart(context: PodContext, state: PodState): void {
  const now = performance.now();
  context.starts = [...context.starts.slice(1 - crowd.size), now];
  const isCrowd = context.starts.length === crowd.size && now - (context.starts[0] ?? 0) < crowd.within;
  if (isCrowd) setTimeout(() => void context.report(state), crowd.within).unref();
  else void context.report(state);
}

/** Milliseconds since the epoch at which the pod has been active for too long. */
function deadlineOf(state: PodState, pod: Pod): number {
  const seconds = pod.spec?.activeDeadlineSeconds;
  if (seconds === undefined) return Number.POSITIVE_INFINITY;
  return Date.parse(pod.status?.startTime ?? state.startTime) + seconds * 1000;
}

/** The pod's network, files and volumes. */
async function prepare(context: PodContext, state: PodState, pod: Pod): Promise<Again | undefined> {
  const { nodeName, nodeIps: hostIps, hostDir, hidden = [] } = context;
  const place = { nodeName, hostIps, hostDir, hidden };
  const volumes = async () => {
    const described = JSON.stringify([pod.metadata?.labels, pod.metadata?.annotations]);
    const { volumesFilled: last } = state;
    if (last?.for === described && Date.now() - last.at < refreshInterval - 1_000) return;
    await prepareVolumes(pod, `${state.dir}/volumes`, context, { ...place, podIps: state.ips });
    state.volumesFilled = { at: Date.now(), for: described };
  };
  try {
    // Tokens come over the network while the kernel works.
    const needsIps = JSON.stringify(pod.spec?.volumes ?? []).includes('status.podIP');
    const early = needsIps ? undefined : volumes();
    await Promise.all([
      early,
      state.sandboxReady ? undefined : createSandbox(state, pod, context.network(), context),
    ]);
    if (!early) await volumes();
    return undefined;
  } catch (error) {
    const reason = error instanceof NotYetError ? 'FailedMount' : 'FailedCreatePodSandBox';
    const { message } = error as Error;
    const text = error instanceof NotYetError ? message : `Failed to create pod sandbox: ${message}`;
    context.recorder.event(eventSubject(pod), 'Warning', reason, text);
    if (error instanceof NotYetError) return { requeueAfter: mountRetry };
    throw error;
  }
}
