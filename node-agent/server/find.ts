import type { Container, Pod } from '../../api/types.ts';
import type { ContainerEntry, PodState } from '../pods/state.ts';
import { UpgradeError } from './upgrade/upgraded.ts';

/** A pod of this node that the API has. */
export type LivePod = PodState & { pod: Pod };

/** The pod of that name, and where it is given of that uid. */
export function findPod(
  pods: Iterable<PodState>,
  { namespace, name, uid }: { namespace: string; name: string; uid?: string },
): LivePod | undefined {
  for (const state of pods) {
    const { metadata } = state.pod ?? {};
    if (metadata?.namespace === namespace && metadata.name === name && (!uid || uid === state.uid))
      return state as LivePod;
  }
  return undefined;
}

export function containerOf({ pod }: LivePod, name: string): Container | undefined {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  return [...containers, ...initContainers, ...ephemeralContainers].find(
    (container) => container.name === name,
  );
}

/** A container whose program runs. */
export interface RunningContainer {
  dir: string;
  pid: number;
}

/** @throws UpgradeError with these words when it does not run */
export function runningContainer({ containers }: LivePod, name: string, otherwise: string): RunningContainer {
  const entry: ContainerEntry | undefined = containers.get(name);
  if (!entry?.running || !entry.dir) throw new UpgradeError(500, otherwise);
  return { dir: entry.dir, pid: entry.running.pid };
}
