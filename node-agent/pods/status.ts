import type {
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from '../../api/types.ts';

/** A container as the node-agent sees it now. */
export interface ContainerView {
  /** Empty before anything can be said; `waiting` while it waits to be started again. */
  state: ContainerState;
  lastState?: ContainerState;
  containerID?: string;
  imageID?: string;
  restartCount: number;
  /** Startup probe passed, or none. */
  started: boolean;
  /** Readiness probe passed, or none. */
  ready: boolean;
}

/** Everything a pod's status is made of. */
export interface PodView {
  podIps: readonly string[];
  hostIps: readonly string[];
  startTime: string;
  sandboxReady: boolean;
  /** By container name; init containers too. */
  containers: ReadonlyMap<string, ContainerView>;
  /** RFC 3339, for conditions that change now. */
  now: string;
  /** Why the node has ended the pod. */
  failure?: { reason: string; message: string };
  /** Nothing will be started again: the pod is being deleted and its containers have ended. */
  finished?: boolean;
}

/**
 * The status of a pod from the state of its containers. Conditions of others (PodScheduled, readiness
 * gates) are kept. Upstream: `pkg/kubelet/kubelet_pods.go` (getPhase), `pkg/kubelet/status/generate.go`.
 */
export function podStatus(pod: Pod, view: PodView): PodStatus {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const before = pod.status ?? {};
  const hasInit = initContainers.length > 0;
  const containerStatuses = containers.map((container) => containerStatus(container, view, hasInit));
  const initContainerStatuses = initContainers.map((container) =>
    containerStatus(container, view, hasInit, !isSidecar(container)),
  );
  const ephemeralContainerStatuses = (pod.spec?.ephemeralContainers ?? []).map((container) =>
    containerStatus(container, view, false),
  );
  const phase = view.failure
    ? 'Failed'
    : podPhase(pod, containerStatuses, initContainerStatuses, view.finished);
  return {
    ...before,
    phase,
    ...view.failure,
    conditions: conditions(pod, phase, view, containerStatuses, initContainerStatuses),
    ...(view.hostIps[0] ? { hostIP: view.hostIps[0], hostIPs: view.hostIps.map((ip) => ({ ip })) } : {}),
    ...(view.podIps[0] ? { podIP: view.podIps[0], podIPs: view.podIps.map((ip) => ({ ip })) } : {}),
    startTime: before.startTime ?? view.startTime,
    containerStatuses,
    ...(initContainers.length > 0 ? { initContainerStatuses } : {}),
    ...(ephemeralContainerStatuses.length > 0 ? { ephemeralContainerStatuses } : {}),
  };
}

function containerStatus(
  container: Container,
  view: PodView,
  hasInit: boolean,
  isReadyWhenDone = false,
): ContainerStatus {
  const seen = view.containers.get(container.name);
  const image = container.image ?? '';
  if (!seen) {
    return {
      name: container.name,
      state: { waiting: { reason: notStarted(hasInit) } },
      lastState: {},
      ready: false,
      restartCount: 0,
      image,
      imageID: '',
      started: false,
    };
  }
  const running = seen.state.running !== undefined;
  const isNew = Object.keys(seen.state).length === 0;
  return {
    name: container.name,
    state: isNew ? { waiting: { reason: notStarted(hasInit) } } : seen.state,
    lastState: seen.lastState ?? {},
    ready: isReadyWhenDone ? seen.state.terminated?.exitCode === 0 : running && seen.started && seen.ready,
    restartCount: seen.restartCount,
    image,
    imageID: seen.imageID ?? '',
    ...(seen.containerID ? { containerID: seen.containerID } : {}),
    started: running && seen.started,
  };
}

const notStarted = (hasInit: boolean) => (hasInit ? 'PodInitializing' : 'ContainerCreating');

const isSidecar = (container: Container | undefined) => container?.restartPolicy === 'Always';

/** How a container counts for the phase; one that waits to be started again counts as ended. */
function course({ state, lastState }: ContainerStatus): { running: boolean; exitCode: number | undefined } {
  const ended = state?.terminated ?? (state?.waiting ? lastState?.terminated : undefined);
  return { running: state?.running !== undefined, exitCode: ended?.exitCode };
}

/**
 * Pending, Running, Succeeded or Failed. `finished`: nothing will be started again. Upstream:
 * `pkg/kubelet/kubelet_pods.go`, getPhase.
 */
export function podPhase(
  pod: Pod,
  statuses: readonly ContainerStatus[],
  initStatuses: readonly ContainerStatus[],
  finished = false,
): string {
  const { restartPolicy = 'Always', initContainers = [] } = pod.spec ?? {};
  const before = pod.status?.phase;
  if (before === 'Succeeded' || before === 'Failed') return before;
  const courses = statuses.map(course);
  const begun = courses.some(({ running, exitCode }) => running || exitCode !== undefined);
  const sidecars = initStatuses.filter((_, index) => isSidecar(initContainers[index]));
  for (const status of initStatuses) {
    if (sidecars.includes(status) || status.state?.terminated?.exitCode === 0) continue;
    const { running, exitCode = 0 } = course(status);
    const isFinal = restartPolicy === 'Never' || finished;
    if (!running && exitCode !== 0 && isFinal) return 'Failed';
    if (!begun) return finished ? 'Failed' : 'Pending';
  }
  if (!begun && sidecars.some(({ started }) => !started)) return finished ? 'Failed' : 'Pending';
  if (courses.some(({ running, exitCode }) => !running && exitCode === undefined))
    return finished ? 'Failed' : 'Pending';
  if ([...courses, ...sidecars.map(course)].some(({ running }) => running)) return 'Running';
  const succeeded = courses.every(({ exitCode }) => exitCode === 0);
  if (finished) return succeeded ? 'Succeeded' : 'Failed';
  if (restartPolicy === 'Always') return 'Running';
  if (succeeded) return 'Succeeded';
  return restartPolicy === 'Never' ? 'Failed' : 'Running';
}

type Verdict = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

function conditions(
  pod: Pod,
  phase: string,
  view: PodView,
  statuses: readonly ContainerStatus[],
  initStatuses: readonly ContainerStatus[],
): PodCondition[] {
  const sidecars = (pod.spec?.initContainers ?? []).map(isSidecar);
  const serving = [...initStatuses.filter((_, index) => sidecars[index]), ...statuses];
  const containersReady = readiness('ContainersReady', phase, serving);
  const verdicts: Verdict[] = [
    { type: 'PodReadyToStartContainers', status: view.sandboxReady ? 'True' : 'False' },
    initialized(phase, statuses, initStatuses, sidecars),
    gated(pod, { ...containersReady, type: 'Ready' }),
    containersReady,
  ];
  const before = pod.status?.conditions ?? [];
  const own = verdicts.map((verdict): PodCondition => {
    const old = before.find(({ type }) => type === verdict.type);
    const unchanged = old?.status === verdict.status;
    return {
      type: verdict.type,
      status: verdict.status,
      ...(verdict.reason ? { reason: verdict.reason } : {}),
      ...(verdict.message ? { message: verdict.message } : {}),
      lastTransitionTime: unchanged ? (old.lastTransitionTime ?? view.now) : view.now,
    };
  });
  const names = new Set(own.map(({ type }) => type));
  const scheduled = before.some(({ type }) => type === 'PodScheduled')
    ? []
    : [{ type: 'PodScheduled', status: 'True', lastTransitionTime: view.startTime }];
  return [...own, ...before.filter(({ type }) => !names.has(type)), ...scheduled];
}

function readiness(type: string, phase: string, statuses: readonly ContainerStatus[]): Verdict {
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const unready = statuses.filter(({ ready }) => !ready).map(({ name }) => name);
  if (unready.length === 0) return { type, status: 'True' };
  const message = `containers with unready status: [${unready.join(' ')}]`;
  return { type, status: 'False', reason: 'ContainersNotReady', message };
}

function initialized(
  phase: string,
  statuses: readonly ContainerStatus[],
  initStatuses: readonly ContainerStatus[],
  sidecars: readonly boolean[],
): Verdict {
  const type = 'Initialized';
  // Once one of the others has been started, what an init container does later changes nothing.
  const begun = statuses.some(
    ({ state, lastState }) => state?.running ?? state?.terminated ?? lastState?.terminated,
  );
  const incomplete = initStatuses
    .filter(({ ready, started }, index) => !(sidecars[index] ? started : ready))
    .map(({ name }) => name);
  if (incomplete.length > 0 && !begun) {
    const message = `containers with incomplete status: [${incomplete.join(' ')}]`;
    return { type, status: 'False', reason: 'ContainersNotInitialized', message };
  }
  return { type, status: 'True', ...(phase === 'Succeeded' ? { reason: 'PodCompleted' } : {}) };
}

/** A pod with readiness gates is ready only when each of those conditions is true as well. */
function gated(pod: Pod, verdict: Verdict): Verdict {
  if (verdict.status !== 'True') return verdict;
  const missing = (pod.spec?.readinessGates ?? [])
    .map(({ conditionType }) => conditionType)
    .filter((type) => pod.status?.conditions?.find((one) => one.type === type)?.status !== 'True')
    .map((type) => `corresponding condition of pod readiness gate ${JSON.stringify(type)} does not exist.`);
  if (missing.length === 0) return verdict;
  return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: missing.join('\n') };
}
