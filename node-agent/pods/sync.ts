import { rmSync } from 'node:fs';
import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Container, Pod } from '../../api/types.ts';
import { inspectContainer, signalContainer } from '../runtime/containers.ts';
import { eventSubject, type PodContext } from './context.ts';
import { startProbes } from './probes.ts';
import { createSandbox, releaseSandbox } from './sandbox.ts';
import { NotYetError } from './sources.ts';
import { startNext } from './start.ts';
import { apiTime, type ContainerEntry, type PodState, runtimeName } from './state.ts';
import { prepareVolumes } from './volumes.ts';

/** Files of volumes are compared with their sources this often. */
const refreshInterval = 60_000;

/** How long a pod waits for a volume's source before it looks again. */
const mountRetry = 1_000;

/** Brings one pod of this node to what its object wants. Resolves `gone` once nothing of it is left. */
export async function syncPod(context: PodContext, state: PodState): Promise<Again | 'gone' | undefined> {
  const { pod } = state;
  for (const entry of state.containers.values()) observe(context, state, entry);
  if (!pod) return removePod(context, state);
  if (pod.metadata?.deletionTimestamp) return terminatePod(context, state, pod);
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return settlePod(context, state);

  if (!state.sandboxReady) {
    if (!pod.spec?.hostNetwork && !context.network()) return undefined;
    // What the API remembers of earlier containers is read before it is written over.
    for (const { name } of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])])
      entryOf(state, name);
    // ContainerCreating, as `kubectl get -w` shows it; the start does not wait for the answer.
    void context.report(state);
  }
  try {
    return await runPod(context, state, pod);
  } finally {
    void context.report(state);
  }
}

async function runPod(context: PodContext, state: PodState, pod: Pod): Promise<Again | undefined> {
  const place = { nodeName: context.nodeName, hostIps: context.nodeIps, podIps: state.ips };
  const volumes = async () => {
    if (state.volumesFilled !== undefined && Date.now() - state.volumesFilled < refreshInterval - 1_000)
      return;
    await prepareVolumes(pod, `${state.dir}/volumes`, context.sources, { ...place, podIps: state.ips });
    state.volumesFilled = Date.now();
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
  } catch (error) {
    const reason = error instanceof NotYetError ? 'FailedMount' : 'FailedCreatePodSandBox';
    const { message } = error as Error;
    const text = error instanceof NotYetError ? message : `Failed to create pod sandbox: ${message}`;
    context.recorder.event(eventSubject(pod), 'Warning', reason, text);
    if (error instanceof NotYetError) return { requeueAfter: mountRetry };
    throw error;
  }

  const { initContainers = [], containers } = pod.spec ?? { containers: [] };
  for (const container of initContainers) {
    const entry = entryOf(state, container.name);
    if (entry.terminated?.exitCode === 0) continue;
    const again = entry.running ? undefined : await ensureStarted(context, state, pod, container, entry);
    if (entry.running && container.restartPolicy === 'Always') continue;
    return again ?? { requeueAfter: refreshInterval };
  }
  const waits: Again[] = [{ requeueAfter: refreshInterval }];
  for (const container of containers) {
    const entry = entryOf(state, container.name);
    const again = await ensureStarted(context, state, pod, container, entry);
    if (again) waits.push(again);
  }
  return { requeueAfter: Math.min(...waits.map(({ requeueAfter }) => requeueAfter)) };
}

async function ensureStarted(
  context: PodContext,
  state: PodState,
  pod: Pod,
  container: Container,
  entry: ContainerEntry,
): Promise<Again | undefined> {
  if (!entry.running) {
    if (isStarting(entry)) return { requeueAfter: 20 };
    if (entry.terminated && !mayRestart(pod, container, entry.terminated.exitCode)) return undefined;
    const again = await startNext(context, state, pod, container, entry);
    observe(context, state, entry);
    if (again || !entry.running) return again ?? { requeueAfter: 0 };
  }
  entry.probes ??= startProbes(
    container,
    { ip: state.ips[0] ?? '127.0.0.1', pid: entry.running?.pid ?? 0, dir: entry.dir ?? '' },
    {
      onChange: () => void context.report(state),
      onFailure(kind, message) {
        const text = `${kind[0]?.toUpperCase()}${kind.slice(1)} probe failed: ${message}`;
        context.recorder.event(eventSubject(pod, container.name), 'Warning', 'Unhealthy', text);
      },
      onUnhealthy(kind) {
        const text = `Container ${container.name} failed ${kind} probe, will be restarted`;
        context.recorder.event(eventSubject(pod, container.name), 'Normal', 'Killing', text);
        endContainer(entry, (pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000);
      },
    },
  );
  return undefined;
}

/**
 * An earlier node-agent may have ended while its shim was at work: whether that succeeds will be known
 * in a moment. A shim takes far less than a second.
 */
function isStarting({ adopted, dir, running, terminated }: ContainerEntry): boolean {
  if (!adopted || !dir || running || terminated) return false;
  return Date.now() - adopted < 2_000;
}

function mayRestart(pod: Pod, container: Container, exitCode: number): boolean {
  const isInit = pod.spec?.initContainers?.includes(container);
  const policy = pod.spec?.restartPolicy ?? 'Always';
  if (policy === 'Never') return false;
  return exitCode !== 0 || (policy === 'Always' && !isInit);
}

/** SIGTERM now, SIGKILL when the time is up. */
function endContainer(entry: ContainerEntry, grace: number): void {
  const { dir } = entry;
  if (!dir) return;
  signalContainer(dir, 'SIGTERM');
  setTimeout(() => signalContainer(dir, 'SIGKILL'), grace).unref();
}

/** Looks at a container's files and process. */
function observe(context: PodContext, state: PodState, entry: ContainerEntry): void {
  if (!entry.dir || !entry.record || entry.terminated) return;
  const now = inspectContainer(entry.dir);
  if (now.phase === 'running') {
    entry.running = { pid: now.pid, startedAt: apiTime(new Date(now.startedAt)) };
    return;
  }
  delete entry.running;
  entry.probes?.stop();
  delete entry.probes;
  if (now.phase === 'created') return;
  entry.terminated = {
    exitCode: now.exitCode,
    reason: now.exitCode === 0 ? 'Completed' : 'Error',
    startedAt: apiTime(new Date(now.startedAt)),
    finishedAt: apiTime(new Date(now.finishedAt)),
    containerID: `${runtimeName}://${entry.record.id}`,
  };
  void context.report(state);
}

/** The entry of a container; one that ran before the lab was restarted counts on from there. */
function entryOf(state: PodState, name: string): ContainerEntry {
  const known = state.containers.get(name);
  if (known) return known;
  const { containerStatuses = [], initContainerStatuses = [] } = state.pod?.status ?? {};
  const before = [...containerStatuses, ...initContainerStatuses].find((status) => status.name === name);
  const entry: ContainerEntry = { name, firstAttempt: 0 };
  if (before?.containerID) {
    entry.firstAttempt = before.restartCount + 1;
    entry.terminated = before.state?.terminated ?? {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was started',
      ...(before.state?.running?.startedAt ? { startedAt: before.state.running.startedAt } : {}),
      finishedAt: apiTime(),
      containerID: before.containerID,
    };
  }
  state.containers.set(name, entry);
  return entry;
}

/** Signals and waits, then reports the end, lets go of everything, and removes the object. */
async function terminatePod(
  context: PodContext,
  state: PodState,
  pod: Pod,
): Promise<Again | 'gone' | undefined> {
  const { name = '', namespace = '', uid = '', deletionGracePeriodSeconds } = pod.metadata ?? {};
  const grace = (deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
  const killAt = Math.min(state.killAt ?? Number.POSITIVE_INFINITY, Date.now() + grace);
  const isFirst = state.killAt === undefined;
  state.killAt = killAt;
  const running = [...state.containers.values()].filter((entry) => entry.running);
  for (const entry of running) {
    if (isFirst) {
      const text = `Stopping container ${entry.name}`;
      context.recorder.event(eventSubject(pod, entry.name), 'Normal', 'Killing', text);
    }
    if (entry.dir && (isFirst || Date.now() >= killAt))
      signalContainer(entry.dir, Date.now() >= killAt ? 'SIGKILL' : 'SIGTERM');
  }
  if (running.length > 0) return { requeueAfter: Math.max(killAt - Date.now(), 20) };

  await context.report(state);
  await releaseSandbox(state, context.network(), context.kernel);
  try {
    await context.client.delete(
      resources.pods,
      { name, namespace },
      { gracePeriodSeconds: 0, preconditions: { uid } },
    );
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
  }
  return undefined;
}

/** A pod whose work is done keeps its logs, not its network. */
async function settlePod(context: PodContext, state: PodState): Promise<Again | undefined> {
  const again = killAll(state);
  if (!again && state.sandboxReady) await releaseSandbox(state, context.network(), context.kernel);
  return again;
}

function killAll(state: PodState): Again | undefined {
  const running = [...state.containers.values()].filter((entry) => entry.running);
  for (const { dir } of running) if (dir) signalContainer(dir, 'SIGKILL');
  return running.length > 0 ? { requeueAfter: 20 } : undefined;
}

/** The object is gone: nothing asks for a farewell. */
async function removePod(context: PodContext, state: PodState): Promise<Again | 'gone' | undefined> {
  const again = killAll(state);
  if (again) return again;
  await releaseSandbox(state, context.network(), context.kernel);
  rmSync(state.dir, { recursive: true, force: true });
  context.sources.forget(state.uid);
  return 'gone';
}
