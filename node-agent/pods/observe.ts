import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, ContainerStateTerminated, Pod } from '../../api/types.ts';
import { removeCgroup, wasOomKilled } from '../runtime/cgroups.ts';
import { inspectContainer } from '../runtime/containers.ts';
import { logFile, terminationLog } from '../runtime/paths.ts';
import type { PodContext } from './context.ts';
import { apiTime, type ContainerEntry, type PodState, runtimeName } from './state.ts';

/** Bytes of a termination message; of the log that may stand for it there are fewer, and only so many lines. */
const longestMessage = 4096;
const longestFallback = { bytes: 2048, lines: 80 };

/** Looks at a container's files and process. */
export function observe(context: PodContext, state: PodState, entry: ContainerEntry): void {
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
  clearTimeout(entry.ending?.timer);
  delete entry.ending;
  delete entry.hook;
  const message = terminationMessage(state, entry, now.exitCode);
  entry.terminated = {
    exitCode: now.exitCode,
    reason: wasOomKilled(entry.dir) ? 'OOMKilled' : now.exitCode === 0 ? 'Completed' : 'Error',
    ...(message ? { message } : {}),
    startedAt: apiTime(new Date(now.startedAt)),
    finishedAt: apiTime(new Date(now.finishedAt)),
    containerID: `${runtimeName}://${entry.record.id}`,
  };
  // Should it fail, the pod's group takes it along.
  void removeCgroup(entry.dir).catch(() => undefined);
  void context.report(state);
}

/** The entry of a container; one that ran before the lab was restarted counts on from there. */
export function entryOf(state: PodState, name: string): ContainerEntry {
  const known = state.containers.get(name);
  if (known) return known;
  const {
    containerStatuses = [],
    initContainerStatuses = [],
    ephemeralContainerStatuses = [],
  } = state.pod?.status ?? {};
  const before = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(
    (status) => status.name === name,
  );
  const entry: ContainerEntry = { name, firstAttempt: 0 };
  if (before?.containerID) {
    entry.firstAttempt = before.restartCount + 1;
    entry.terminated = before.state?.terminated ?? lost(before.containerID, before.state?.running?.startedAt);
  }
  state.containers.set(name, entry);
  return entry;
}

/** A container that this process has found running is what it was, until a probe says otherwise. */
export function statusBefore(
  pod: Pod | undefined,
  { adopted, name }: ContainerEntry,
): { started: boolean; ready: boolean } | undefined {
  if (adopted === undefined) return undefined;
  const { containerStatuses = [], initContainerStatuses = [] } = pod?.status ?? {};
  const status = [...containerStatuses, ...initContainerStatuses].find((one) => one.name === name);
  return status?.state?.running && { started: status.started ?? false, ready: status.ready };
}

function lost(containerID: string, startedAt: string | undefined): ContainerStateTerminated {
  return {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was started',
    ...(startedAt ? { startedAt } : {}),
    finishedAt: apiTime(),
    containerID,
  };
}

/**
 * What a container has left in its `terminationMessagePath`, or with FallbackToLogsOnError the end of its log.
 * Upstream: `pkg/kubelet/kuberuntime/kuberuntime_container.go`, getTerminationMessage.
 */
function terminationMessage(state: PodState, entry: ContainerEntry, exitCode: number): string {
  const { spec } = state.pod ?? {};
  const container = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].find(
    ({ name }: Container) => name === entry.name,
  );
  const written = tail(join(entry.dir ?? '', terminationLog), longestMessage);
  if (written || exitCode === 0 || container?.terminationMessagePolicy !== 'FallbackToLogsOnError')
    return written;
  const log = tail(logFile(state.dir, entry.name, entry.record?.attempt ?? 0), 4 * longestFallback.bytes);
  // The first may be cut off; a partial one ends without a newline.
  const lines = log.match(/^.*\n/gm)?.slice(-longestFallback.lines) ?? [];
  return lines
    .map((line) => line.replace(/^\S+ std(?:out|err) (?:F (.*\n)|P (.*)\n)$/s, '$1$2'))
    .join('')
    .slice(-longestFallback.bytes);
}

/** The last bytes of a file; empty when there is none. */
function tail(file: string, bytes: number): string {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
  try {
    const { size } = fstatSync(handle);
    const buffer = Buffer.alloc(Math.min(size, bytes));
    const length = readSync(handle, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(handle);
  }
}
