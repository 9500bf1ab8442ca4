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
  /** `waiting` until it has been started for the first time, and while it waits to be started again. */
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
}

/**
 * The status of a pod from the state of its containers. Conditions of others (PodScheduled, readiness
 * gates) are kept. Upstream: `pkg/kubelet/kubelet_pods.go` (getPhase), `pkg/kubelet/status/generate.go`.
 */
export function podStatus(pod: Pod, view: PodView): PodStatus {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const before = pod.status ?? {};
  const containerStatuses = containers.map((container) => containerStatus(container, view, true));
  const initContainerStatuses = initContainers.map((container) => containerStatus(container, view, false));
  const phase = podPhase(pod, containerStatuses, initContainerStatuses);
  return {
    ...before,
    phase,
    conditions: conditions(pod, phase, view, containerStatuses, initContainerStatuses),
    ...(view.hostIps[0] ? { hostIP: view.hostIps[0], hostIPs: view.hostIps.map((ip) => ({ ip })) } : {}),
    ...(view.podIps[0] ? { podIP: view.podIps[0], podIPs: view.podIps.map((ip) => ({ ip })) } : {}),
    startTime: before.startTime ?? view.startTime,
    containerStatuses,
    ...(initContainers.length > 0 ? { initContainerStatuses } : {}),
  };
}

function containerStatus(container: Container, view: PodView, isMain: boolean): ContainerStatus {
  const seen = view.containers.get(container.name);
  const image = container.image ?? '';
  if (!seen) {
    const reason = isMain && hasInit(view) ? 'PodInitializing' : 'ContainerCreating';
    return {
      name: container.name,
      state: { waiting: { reason } },
      lastState: {},
      ready: false,
      restartCount: 0,
      image,
      imageID: '',
      started: false,
    };
  }
  const running = seen.state.running !== undefined;
  return {
    name: container.name,
    state: seen.state,
    lastState: seen.lastState ?? {},
    ready: isMain ? running && seen.started && seen.ready : seen.state.terminated?.exitCode === 0,
    restartCount: seen.restartCount,
    image,
    imageID: seen.imageID ?? '',
    ...(seen.containerID ? { containerID: seen.containerID } : {}),
    started: running && seen.started,
  };
}

const hasInit = (view: PodView) => view.sandboxReady && view.containers.size > 0;

/** Pending, Running, Succeeded or Failed. */
export function podPhase(
  pod: Pod,
  statuses: readonly ContainerStatus[],
  initStatuses: readonly ContainerStatus[],
): string {
  const { restartPolicy = 'Always' } = pod.spec ?? {};
  const before = pod.status?.phase;
  if (before === 'Succeeded' || before === 'Failed') return before;
  for (const { state, lastState } of initStatuses) {
    const ended = state?.terminated ?? (state?.waiting ? lastState?.terminated : undefined);
    if (state?.terminated?.exitCode === 0) continue;
    return ended && ended.exitCode !== 0 && restartPolicy === 'Never' ? 'Failed' : 'Pending';
  }
  const ends = statuses.map(({ state, lastState }) =>
    state?.running ? undefined : (state?.terminated ?? (state?.waiting ? lastState?.terminated : undefined)),
  );
  const unknown = statuses.some(({ state }, index) => !state?.running && !ends[index]);
  if (unknown) return 'Pending';
  if (statuses.some(({ state }) => state?.running) || restartPolicy === 'Always') return 'Running';
  if (ends.every((end) => end?.exitCode === 0)) return 'Succeeded';
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
  const containersReady = readiness('ContainersReady', phase, statuses);
  const verdicts: Verdict[] = [
    { type: 'PodReadyToStartContainers', status: view.sandboxReady ? 'True' : 'False' },
    initialized(phase, initStatuses),
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

function initialized(phase: string, statuses: readonly ContainerStatus[]): Verdict {
  const type = 'Initialized';
  const incomplete = statuses.filter(({ ready }) => !ready).map(({ name }) => name);
  if (incomplete.length > 0) {
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
