import { existsSync } from 'node:fs';
import type { ContainerEntry, PodState } from '../pods/state.ts';
import { runtimeName } from '../pods/state.ts';
import { type LogOptions, logTime } from '../runtime/log-options.ts';
import { attemptDir, logFile } from '../runtime/paths.ts';
import type { LogPlace } from '../runtime/read-log.ts';

/** A log that cannot be given; the words are kubelet's. */
export class LogError extends Error {
  override name = 'LogError';
}

/**
 * Which attempt's log is meant: the newest one's that was started, or the one's before. Upstream:
 * `pkg/kubelet/kubelet_pods.go` (validateContainerLogStatus).
 *
 * @throws LogError
 */
export function findLog(state: PodState, container: string, previous: boolean): LogPlace {
  const entry = state.containers.get(container);
  const pod = state.pod?.metadata?.name ?? '';
  const where = `container ${JSON.stringify(container)} in pod ${JSON.stringify(pod)}`;
  const newest = entry?.record?.attempt;
  if (previous) {
    // While it waits to be started again, the one before is the newest.
    const attempt = newest === undefined ? undefined : entry?.waiting && !entry.running ? newest : newest - 1;
    const place = attempt === undefined || attempt < 0 ? undefined : placeOf(state, container, attempt);
    if (!place || !existsSync(place.file)) throw new LogError(`previous terminated ${where} not found`);
    return place;
  }
  if (!entry || newest === undefined) throw new LogError(`${where} ${waitingWords(entry)}`);
  const place = placeOf(state, container, newest);
  if (existsSync(place.file)) return place;
  throw new LogError(`unable to retrieve container logs for ${runtimeName}://${entry.record?.id}`);
}

const placeOf = ({ dir }: PodState, container: string, attempt: number): LogPlace => ({
  file: logFile(dir, container, attempt),
  dir: attemptDir(dir, container, attempt),
});

function waitingWords(entry: ContainerEntry | undefined): string {
  if (entry?.terminated) return 'is terminated';
  const reason = entry?.waiting?.reason ?? 'ContainerCreating';
  if (reason === 'ErrImagePull') return "is waiting to start: image can't be pulled";
  if (reason === 'ImagePullBackOff') return 'is waiting to start: trying and failing to pull image';
  return `is waiting to start: ${reason}`;
}

/** Reads the query of `/containerLogs/…`. @throws LogError when it is not well-formed */
export function parseLogOptions(
  query: URLSearchParams,
  now = Date.now(),
): LogOptions & { previous: boolean } {
  const seconds = numberOf(query, 'sinceSeconds');
  const time = query.get('sinceTime');
  const since = time ? Date.parse(time) : seconds === undefined ? undefined : now - seconds * 1000;
  if (Number.isNaN(since)) throw new LogError('Unable to decode query.');
  const tail = query.get('tail');
  const tailLines = tail && tail !== 'all' ? Number(tail) : numberOf(query, 'tailLines');
  const limitBytes = numberOf(query, 'limitBytes');
  return {
    follow: isTrue(query.get('follow')),
    previous: isTrue(query.get('previous')),
    timestamps: isTrue(query.get('timestamps')),
    ...(since === undefined ? {} : { since: logTime(since) }),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
  };
}

const isTrue = (value: string | null) => value !== null && value !== 'false' && value !== '0';

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^\d+$/.test(value)) throw new LogError('Unable to decode query.');
  return Number(value);
}
