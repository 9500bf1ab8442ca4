import type { Again } from '../../api/queue.ts';
import type { Container, Pod } from '../../api/types.ts';
import { eventSubject, type PodContext } from './context.ts';
import { endAll, endContainer, gracePeriod, isSidecar } from './kill.ts';
import { entryOf, observe, statusBefore } from './observe.ts';
import { startProbes } from './probes.ts';
import { startNext } from './start.ts';
import type { ContainerEntry, PodState } from './state.ts';

/**
 * Starts what of a pod's containers should run and does not: init containers one after the other, sidecars among
 * them as soon as they have started, then the rest; and once those are done, ends the sidecars. Upstream:
 * `kuberuntime_manager.go`, computePodActions.
 */
export async function runContainers(
  context: PodContext,
  state: PodState,
  pod: Pod,
): Promise<Again | undefined> {
  const { initContainers = [], containers } = pod.spec ?? { containers: [] };
  const isDone = (container: Container) => {
    const { running, terminated } = entryOf(state, container.name);
    return !running && terminated !== undefined && !mayRestart(pod, container, terminated.exitCode);
  };
  if (containers.length > 0 && containers.every(isDone)) {
    state.killAt ??= Date.now() + gracePeriod(pod);
    endAll(context, state, pod, state.killAt);
    return undefined;
  }
  const waits: Again[] = [];
  const start = async (container: Container) => {
    const again = await ensureStarted(context, state, pod, container, entryOf(state, container.name));
    if (again) waits.push(again);
  };
  const soonest = () =>
    waits.length > 0
      ? { requeueAfter: Math.min(...waits.map(({ requeueAfter }) => requeueAfter)) }
      : undefined;

  // Once, whatever the others do.
  for (const container of pod.spec?.ephemeralContainers ?? []) {
    const { record, terminated } = entryOf(state, container.name);
    if (!record && !terminated) await start(container);
  }
  const all = [...initContainers, ...containers];
  for (const [index, container] of initContainers.entries()) {
    const entry = entryOf(state, container.name);
    // What has begun after it does not wait for it again.
    const isPast = all.slice(index + 1).some(({ name }) => entryOf(state, name).record);
    if (isSidecar(container)) {
      await start(container);
      if (!isPast && !isStarted(entry)) return soonest();
      continue;
    }
    if (isPast || (entry.record && entry.terminated?.exitCode === 0)) continue;
    const { terminated } = entry;
    if (entry.record && terminated && !mayRestart(pod, container, terminated.exitCode)) {
      state.killAt ??= Date.now() + gracePeriod(pod);
      endAll(context, state, pod, state.killAt);
      return undefined;
    }
    await start(container);
    return soonest();
  }
  for (const container of containers) {
    await start(container);
    // As upstream, where a postStart hook holds up what comes after it.
    if (entryOf(state, container.name).hook) break;
  }
  return soonest();
}

const isStarted = ({ running, hook, probes }: ContainerEntry) =>
  running !== undefined && !hook && probes?.started === true;

async function ensureStarted(
  context: PodContext,
  state: PodState,
  pod: Pod,
  container: Container,
  entry: ContainerEntry,
): Promise<Again | undefined> {
  if (!entry.running) {
    if (isStarting(entry)) return { requeueAfter: 20 };
    const { terminated } = entry;
    if (
      terminated &&
      !mayRestart(pod, container, terminated.exitCode) &&
      (entry.record || !isInit(pod, container))
    )
      return undefined;
    const again = await startNext(context, state, pod, container, entry);
    observe(context, state, entry);
    if (again || !entry.running) return again ?? { requeueAfter: 0 };
    if (container.lifecycle?.postStart) void afterStart(context, state, pod, container, entry);
  }
  if (!entry.hook) watchHealth(context, state, pod, container, entry);
  return undefined;
}

/** Until it is over, nobody is told that the container runs. Upstream: kuberuntime_container.go, startContainer. */
async function afterStart(
  context: PodContext,
  state: PodState,
  pod: Pod,
  container: Container,
  entry: ContainerEntry,
): Promise<void> {
  const hook = container.lifecycle?.postStart;
  const { running, dir = '' } = entry;
  if (!hook || !running) return;
  const mine = {};
  entry.hook = mine;
  const { runHook } = await import('./hooks.ts');
  const target = { ip: state.ips[0] ?? '127.0.0.1', pid: running.pid, dir };
  const failure = await runHook(container, hook, target, AbortSignal.timeout(2 ** 31 - 1));
  if (entry.hook !== mine) return;
  delete entry.hook;
  if (failure !== undefined) {
    const subject = eventSubject(pod, container.name);
    context.recorder.event(subject, 'Warning', 'FailedPostStartHook', 'PostStartHook failed');
    const killAt = Date.now() + gracePeriod(pod);
    endContainer(context, pod, entry, { killAt, message: 'FailedPostStartHook' });
  }
  context.enqueue(state.uid);
}

function watchHealth(
  context: PodContext,
  state: PodState,
  pod: Pod,
  container: Container,
  entry: ContainerEntry,
): void {
  const { running, dir = '' } = entry;
  if (entry.probes || !running || (isInit(pod, container) && !isSidecar(container))) return;
  const subject = eventSubject(pod, container.name);
  entry.probes = startProbes(
    container,
    { ip: state.ips[0] ?? '127.0.0.1', pid: running.pid, dir },
    {
      onChange() {
        void context.report(state);
        // What comes after a sidecar waits for it.
        if (isSidecar(container)) context.enqueue(state.uid);
      },
      onFailure(kind, message) {
        const text = `${kind[0]?.toUpperCase()}${kind.slice(1)} probe failed: ${message}`;
        context.recorder.event(subject, 'Warning', 'Unhealthy', text);
      },
      onUnhealthy(kind) {
        const probe = kind === 'startup' ? container.startupProbe : container.livenessProbe;
        const own = probe?.terminationGracePeriodSeconds;
        endContainer(context, pod, entry, {
          killAt: Date.now() + (own === undefined ? gracePeriod(pod) : own * 1000),
          message: `Container ${container.name} failed ${kind} probe, will be restarted`,
        });
      },
    },
    statusBefore(pod, entry),
  );
}

/**
 * An earlier node-agent may have ended while its shim was at work: whether that succeeds will be known
 * in a moment. A shim takes far less than a second.
 */
function isStarting({ adopted, dir, running, terminated }: ContainerEntry): boolean {
  if (!adopted || !dir || running || terminated) return false;
  return Date.now() - adopted < 2_000;
}

const isInit = (pod: Pod, container: Container) => pod.spec?.initContainers?.includes(container) ?? false;

/** Whether a container that has ended is started again. */
export function mayRestart(pod: Pod, container: Container, exitCode: number): boolean {
  if (isSidecar(container) && isInit(pod, container)) return true;
  const policy = pod.spec?.restartPolicy ?? 'Always';
  if (policy === 'Never') return false;
  return exitCode !== 0 || (policy === 'Always' && !isInit(pod, container));
}
