import { release } from 'node:os';
import type { Container, Pod } from '../../api/types.ts';
import { nodeSubject } from '../node/subject.ts';
import { attemptDir } from '../runtime/paths.ts';
import { mostProcesses } from '../runtime/root-plan.ts';
import type { PodContext } from './context.ts';
import { containerLimits, hasResources, podGroup, podLimits } from './limits.ts';
import type { PodState } from './state.ts';

/**
 * Makes the groups of a pod and of one of its containers, and returns the folders of the latter. None for pods that a
 * group would hold to nothing: it would cost them a tenth of their start. Where there are no groups to be had, an Event about the Node says so, once.
 */
export function containerCgroup(
  context: PodContext,
  state: PodState,
  pod: Pod,
  container: Container,
  { id, attempt }: { id: string; attempt: number },
): string[] {
  const { cgroups, podPidsLimit } = context;
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  tellOfLimits(context, container);
  const holdsProcesses = podPidsLimit !== undefined || !hasOwnPidMax;
  if (!holdsProcesses && ![...initContainers, ...containers].some(hasResources)) return [];
  const path = podGroup(pod);
  cgroups.make(path, podLimits(pod, podPidsLimit), state.dir);
  const limits = containerLimits(container);
  return cgroups.make(
    [...path, id],
    hasOwnPidMax ? limits : { ...limits, pids: podPidsLimit ?? mostProcesses },
    attemptDir(state.dir, container.name, attempt),
  );
}

/** Whether PID namespaces have a `kernel.pid_max` each, which holds fork bombs without a cgroup: Linux 6.14. */
const hasOwnPidMax = (() => {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 14);
})();

function tellOfLimits({ nodeName, recorder, told, cgroups }: PodContext, { resources }: Container): void {
  const { limits = {} } = resources ?? {};
  const lacking = (['memory', 'cpu'] as const).filter((name) => limits[name] && !cgroups.has(name));
  const key = `limits ${lacking.join(' ')}`;
  if (lacking.length === 0 || told.has(key)) return;
  told.add(key);
  const text = `Containers set limits of ${lacking.join(' and ')}; this node counts them, but does not enforce them: ${cgroups.missing}`;
  recorder.event(nodeSubject(nodeName), 'Warning', 'LimitsNotEnforced', text);
}
