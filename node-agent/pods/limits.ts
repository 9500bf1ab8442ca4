import { quantityValue } from '../../api/quantity.ts';
import type { Container, Pod } from '../../api/types.ts';

/** What a cgroup is to hold to; what is not there is not limited. */
export interface GroupLimits {
  /** Bytes. */
  memory?: number;
  /** Of each 100 ms, in microseconds. */
  cpuQuota?: number;
  /** Weight beside others, 2 to 262144, as version 1 counts it. */
  cpuShares?: number;
  pids?: number;
  /** Whether all processes end when one is to for want of memory. */
  oomGroup?: boolean;
}

/** Where kubelet's cgroupfs driver has the group of a pod, below the node's: `kubepods/burstable/podUID`. */
export function podGroup(pod: Pod): string[] {
  const qos = pod.status?.qosClass;
  const name = `pod${pod.metadata?.uid}`;
  return qos === 'Burstable' || qos === 'BestEffort'
    ? ['kubepods', qos.toLowerCase(), name]
    : ['kubepods', name];
}

/** Upstream: `kuberuntime_container_linux.go`, calculateLinuxResources. */
export function containerLimits({ resources = {} }: Container): GroupLimits {
  const { limits = {}, requests = {} } = resources;
  const memory = quantity(limits.memory);
  return {
    ...(memory > 0 ? { memory, oomGroup: true } : {}),
    ...(limits.cpu === undefined ? {} : quota(quantity(limits.cpu))),
    cpuShares: shares(quantity(requests.cpu ?? limits.cpu)),
  };
}

/**
 * Of a pod as a whole: a limit only where each container has one. Upstream: `cm/helpers_linux.go`, ResourceConfigForPod.
 */
export function podLimits(pod: Pod, podPidsLimit?: number): GroupLimits {
  const memory = total(pod, ({ resources }) => resources?.limits?.memory);
  const cpu = total(pod, ({ resources }) => resources?.limits?.cpu);
  const requested =
    total(pod, ({ resources }) => resources?.requests?.cpu ?? resources?.limits?.cpu, true) ?? 0;
  return {
    ...(memory ? { memory } : {}),
    ...(cpu ? quota(cpu) : {}),
    cpuShares: shares(requested),
    ...(podPidsLimit === undefined ? {} : { pids: podPidsLimit }),
  };
}

/** Whether a container says anything that a cgroup would hold to. */
export const hasResources = ({ resources }: Container): boolean =>
  [resources?.limits, resources?.requests].some(
    (list) => list?.cpu !== undefined || list?.memory !== undefined,
  );

/**
 * What a pod needs at most at a time: all containers and sidecars together, or one init container with the sidecars before
 * it. Undefined where one of them says nothing, unless that counts as none.
 */
function total(
  pod: Pod,
  of: (container: Container) => string | undefined,
  orNone = false,
): number | undefined {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const all = [...initContainers, ...containers];
  if (!orNone && all.some((container) => !of(container))) return undefined;
  let sidecars = 0;
  let most = 0;
  for (const container of initContainers) {
    const own = quantity(of(container));
    most = Math.max(most, sidecars + own);
    if (container.restartPolicy === 'Always') sidecars += own;
  }
  return Math.max(
    most,
    containers.reduce((sum, container) => sum + quantity(of(container)), sidecars),
  );
}

const quantity = (text: string | undefined) => (text === undefined ? 0 : quantityValue(text));

/** Upstream: MilliCPUToQuota; less than 1 ms the kernel does not take. */
const quota = (cores: number): GroupLimits =>
  cores > 0 ? { cpuQuota: Math.max(1000, Math.round(cores * 100_000)) } : {};

/** Upstream: MilliCPUToShares. */
const shares = (cores: number) => Math.min(262_144, Math.max(2, Math.floor(cores * 1024)));
