import type { ContainerStateTerminated, ContainerStateWaiting, Pod } from '../../api/types.ts';
import type { ContainerRecord } from '../runtime/containers.ts';
import type { BackoffEntry } from './backoff.ts';
import type { ProbeRunner } from './probes.ts';

/** One container of a pod over all its attempts; the newest counts. */
export interface ContainerEntry {
  name: string;
  /** Newest attempt; undefined before the first. */
  record?: ContainerRecord;
  dir?: string;
  running?: { pid: number; startedAt: string };
  /** How the newest attempt ended. */
  terminated?: ContainerStateTerminated;
  /** How the one before ended. */
  previous?: ContainerStateTerminated;
  /** Why it is not started (again) yet. */
  waiting?: ContainerStateWaiting;
  /** Attempts that were made before this node-agent's files began, after a restart of the lab. */
  firstAttempt: number;
  /** When the newest attempt was found, milliseconds since the epoch; undefined when this process made it. */
  adopted?: number;
  crash?: BackoffEntry;
  pull?: BackoffEntry & { failedAt: number; message: string };
  probes?: ProbeRunner;
  /** While its postStart hook runs: that run. */
  hook?: object;
  /** Since it is being ended: when SIGKILL comes, milliseconds since the epoch. */
  ending?: { killAt: number; timer: NodeJS.Timeout | undefined };
}

/** A pod of this node. */
export interface PodState {
  readonly uid: string;
  readonly dir: string;
  /** Newest object; undefined once the API has it no more. */
  pod: Pod | undefined;
  /** Of a manifest on the node; `mirror` is what shows of it in the API. */
  isStatic?: boolean;
  mirror?: Pod | undefined;
  startTime: string;
  ips: readonly string[];
  /** Path; undefined with hostNetwork or before the sandbox stands. */
  netns: string | undefined;
  sandboxReady: boolean;
  /** It may run here: nothing spoke against it when it came. */
  admitted?: boolean;
  /** Ports of the node lead to it. */
  hasHostPorts?: boolean;
  /** Network and namespaces have been given back. */
  released: boolean;
  readonly containers: Map<string, ContainerEntry>;
  /** When the files of its volumes were last compared with their sources, milliseconds since the epoch; for which labels and annotations. */
  volumesFilled?: { at: number; for: string };
  /** Set when termination has begun: milliseconds since the epoch of SIGKILL. */
  killAt?: number;
  /** Why the node has ended the pod; it is Failed. */
  failure?: { reason: string; message: string };
  /** Set when a deleted pod's containers have all ended: nothing will be started again. */
  finished?: boolean;
  /** JSON of the status that was written last. */
  sent?: string;
  /** The resourceVersion of that write. */
  sentVersion?: number;
}

/** RFC 3339 in whole seconds, as the API has times. */
export function apiTime(date: Date = new Date()): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** What starts a containerID. */
export const runtimeName = 'vethernetes';
