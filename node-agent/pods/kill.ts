import type { Container, Pod } from '../../api/types.ts';
import { signalContainer } from '../runtime/containers.ts';
import { eventSubject, type PodContext } from './context.ts';
import type { ContainerEntry, PodState } from './state.ts';

/** What a program has at least after its preStop hook, in milliseconds; upstream: minimumGracePeriodInSeconds. */
const leastGrace = 2_000;

/** True for an init container that goes on beside the others. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

/**
 * Ends a container: its preStop hook, its stop signal, and SIGKILL at `killAt` (milliseconds since the epoch).
 * Called again it may only bring that time forward. Upstream: `kuberuntime_container.go`, killContainer.
 */
export function endContainer(
  context: PodContext,
  pod: Pod,
  entry: ContainerEntry,
  options: { killAt: number; message: string },
): void {
  const { dir, running } = entry;
  if (!dir || !running) return;
  const container = containerOf(pod, entry.name);
  const first = entry.ending === undefined;
  if (!first && options.killAt >= (entry.ending?.killAt ?? 0)) return;
  if (first) context.recorder.event(eventSubject(pod, entry.name), 'Normal', 'Killing', options.message);
  const ending = entry.ending ?? { killAt: options.killAt, timer: undefined };
  entry.ending = ending;
  setDeadline(ending, dir, options.killAt);
  if (!first || options.killAt <= Date.now()) return;

  const signal = () => signalContainer(dir, stopSignal(context, container));
  const hook = container?.lifecycle?.preStop;
  if (!container || !hook) {
    signal();
    return;
  }
  void (async () => {
    const { runHook } = await import('./hooks.ts');
    const { pid } = running;
    const allowed = AbortSignal.timeout(Math.max(0, ending.killAt - Date.now()));
    const failure = await runHook(container, hook, { ip: addressOf(pod), pid, dir }, allowed);
    if (failure !== undefined && !allowed.aborted)
      context.recorder.event(
        eventSubject(pod, entry.name),
        'Warning',
        'FailedPreStopHook',
        'PreStopHook failed',
      );
    if (entry.ending !== ending) return;
    setDeadline(ending, dir, Math.max(ending.killAt, Date.now() + leastGrace));
    signal();
  })();
}

/**
 * Ends all containers of a pod that still run: first the ordinary ones, then sidecars from the last to the first,
 * each once those it serves have ended. When the time is up, all at once. Returns false while one runs.
 */
export function endAll(context: PodContext, state: PodState, pod: Pod, killAt: number): boolean {
  const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const running = [...state.containers.values()].filter((entry) => entry.running);
  const turns = [
    running.filter(({ name }) => !sidecars.includes(name)),
    ...sidecars.reverse().map((name) => running.filter((entry) => entry.name === name)),
  ].filter((turn) => turn.length > 0);
  const now = Date.now() >= killAt ? turns.flat() : (turns[0] ?? []);
  for (const entry of now)
    endContainer(context, pod, entry, { killAt, message: `Stopping container ${entry.name}` });
  return running.length === 0;
}

/** How long a pod's containers have, in milliseconds: what its deletion says, or else the pod itself. */
export function gracePeriod(pod: Pod): number {
  const { deletionGracePeriodSeconds: deletion } = pod.metadata ?? {};
  return (deletion ?? pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
}

/** A container or init container of a pod by its name. */
export function containerOf(pod: Pod, name: string): Container | undefined {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  return [...containers, ...initContainers, ...ephemeralContainers].find(
    (container) => container.name === name,
  );
}

function setDeadline(ending: NonNullable<ContainerEntry['ending']>, dir: string, killAt: number): void {
  clearTimeout(ending.timer);
  ending.killAt = killAt;
  const kill = () => void signalContainer(dir, 'SIGKILL');
  if (killAt <= Date.now()) kill();
  else ending.timer = setTimeout(kill, killAt - Date.now()).unref();
}

/** The container's own stop signal, or the image's, or SIGTERM. */
function stopSignal(context: PodContext, container: Container | undefined): NodeJS.Signals {
  const wanted =
    container?.lifecycle?.stopSignal ?? context.catalogue.find(container?.image ?? '')?.stopSignal;
  return (wanted ?? 'SIGTERM') as NodeJS.Signals;
}

const addressOf = (pod: Pod) => pod.status?.podIP ?? pod.status?.hostIP ?? '127.0.0.1';
