import type { ServerResponse } from 'node:http';
import type { Resource } from '../../api/scheme.ts';
import { StatusError, statusError } from '../../api/status.ts';
import type { Status } from '../../api/types.ts';
import type { Cache } from '../storage/cache.ts';
import { type Change, eventType } from '../storage/change.ts';
import type { Entry } from '../storage/entry.ts';
import { prefixOf } from '../storage/keys.ts';
import type { ListQuery } from './query.ts';
import type { Renderer } from './render.ts';
import { joined, written } from './respond.ts';

/** A client that reads more slowly than this much piles up is cut off; it will list or resume. */
const largestBacklog = 16 * 1024 * 1024;
const bookmarkMilliseconds = 30_000;
/** Upstream: `--min-request-timeout`, and up to twice that. */
const shortestWatchSeconds = 1_800;

/**
 * Streams changes, as lines of JSON or frames of protobuf, until the client goes, time is up or the server stops.
 * Upstream: `apiserver/pkg/endpoints/handlers/watch.go`, KEP-956 (bookmarks), KEP-3157 (initial events).
 * A version that is compacted away is told by an event, 410 Expired.
 */
export async function serveWatch(
  response: ServerResponse,
  cache: Cache,
  resource: Resource,
  namespace: string | undefined,
  query: ListQuery,
  renderer: Renderer,
): Promise<void> {
  const inScope = scope(resource, namespace, query);
  const { resourceVersion, sendInitialEvents } = query;
  const initial = sendInitialEvents ?? !resourceVersion;
  let reached = resourceVersion && !initial ? resourceVersion : cache.revision;
  const present = initial ? cache.list(resource, namespace).filter(query.matches) : [];
  const presentUpTo = reached;
  const pending: Buffer[] = [];
  let waiting = 0;
  let begun = false;
  let open = false;

  /** What comes in one turn leaves in one piece. */
  const send = (frames: Buffer[]) => {
    if (frames.length === 0 || response.writableEnded) return;
    if (!open) {
      pending.push(...frames);
      for (const { length } of frames) waiting += begun ? length : 0;
      if (waiting > largestBacklog) response.destroy();
      return;
    }
    response.write(frames.length === 1 ? frames[0] : Buffer.concat(frames));
    if (response.writableLength > largestBacklog) response.destroy();
  };

  const watching = cache.watch(resource, reached, (changes) => {
    const frames: Buffer[] = [];
    try {
      for (const change of changes) {
        if (change.revision <= reached) continue;
        reached = change.revision;
        const type = inScope(change);
        if (type) frames.push(renderer.event(type, change));
      }
      send(frames);
    } catch (error) {
      // One watcher's selector or columns: neither the writer nor other watchers shall suffer from it.
      response.end(renderer.failure(statusOf(error)));
    }
  });

  const stop = await watching.catch(expired);
  response.statusCode = 200;
  response.setHeader(
    'Content-Type',
    renderer.mediaType ? `${renderer.mediaType};stream=watch` : 'application/json',
  );
  // Upstream: `cacher.Watch`, `newErrWatcher`: the version could be read, so the stream itself says what is wrong.
  if (typeof stop !== 'function') {
    response.end(renderer.failure(stop));
    return;
  }
  response.flushHeaders();
  const bookmarks = query.allowWatchBookmarks
    ? setInterval(() => send([renderer.bookmark(Math.max(reached, cache.revision))]), bookmarkMilliseconds)
    : undefined;
  const seconds = query.timeoutSeconds || shortestWatchSeconds * (1 + Math.random());
  const end = setTimeout(() => response.end(), seconds * 1000);
  const finish = () => {
    stop();
    clearInterval(bookmarks);
    clearTimeout(end);
  };
  if (response.destroyed) finish();
  else response.once('close', finish);
  const past = pending.splice(0);
  begun = true;
  /** What there was, and what has happened since: it may be more than what may ever pile up. */
  function* beginning(): Generator<Buffer> {
    for (const entry of present) yield renderer.added(entry);
    if (sendInitialEvents && query.allowWatchBookmarks)
      yield renderer.bookmark(presentUpTo, { 'k8s.io/initial-events-end': 'true' });
    yield* past;
  }
  try {
    for (const bytes of joined(beginning())) if (!(await written(response, bytes))) return;
  } catch (error) {
    response.end(renderer.failure(statusOf(error)));
    return;
  }
  open = true;
  send(pending.splice(0));
}

function expired(error: unknown): Status {
  if (error instanceof StatusError && error.reason === 'Expired') return error.status;
  throw error;
}

/** Ends a stream that has begun, in the only way there is then. */
function statusOf(error: unknown): Status {
  const message = error instanceof Error ? error.message : String(error);
  return statusError('InternalError', `Internal error occurred: ${message}`).status;
}

function scope(resource: Resource, namespace: string | undefined, query: ListQuery) {
  const prefix = prefixOf(resource, namespace);
  const matches = (entry: Entry) => entry.key.startsWith(prefix) && query.matches(entry);
  return (change: Change) => eventType(change, matches);
}
