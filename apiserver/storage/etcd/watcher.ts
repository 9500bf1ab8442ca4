import { setTimeout as delay } from 'node:timers/promises';
import type { StoredChange } from '../storage.ts';
import type { Connection } from './connection.ts';
import { compactedAway } from './failures.ts';
import { type GrpcCall, GrpcError, grpcCode } from './grpc.ts';
import { readWatch, type WatchEvent, type WatchResponse, watchRequest } from './messages.ts';

/** Follows everything that happens in an etcd, whichever member it comes from. */
export interface Watcher {
  /** Everything up to and including it has been told. */
  readonly told: number;
  /** Resolves once everything up to `revision` has been told; rejects when that will never be. */
  reached(revision: number): Promise<void>;
  stop(): void;
}

export interface WatcherOptions {
  connection: Connection;
  /** Tells of changes above it. */
  after: number;
  /** Adds what a key held before, for changes up to that revision. */
  previousUpTo: number;
  /** `revision`: of the last change, told or not of interest. */
  receive(changes: readonly StoredChange[], revision: number): void;
  /** The watch cannot go on: what comes next is compacted away. */
  ended(error: Error): void;
}

const firstBackoff = 50;
const longestBackoff = 1_000;

/**
 * One watch of the whole key space. Of the whole, since then every revision brings an event, and to have seen
 * the event of a revision is to have seen all before it: the progress that etcd reports without events is
 * ahead of them in releases before 3.4.25 and 3.5.8 (etcd issue 15220). A broken stream is taken up again
 * after the last revision seen, at any member.
 */
export function startWatcher(options: WatcherOptions): Watcher {
  const { connection, receive, ended } = options;
  let told = options.after;
  let stopped = false;
  let call: GrpcCall | undefined;
  let failure: Error | undefined;
  const waiting = new Map<{ resolve(): void; reject(error: Error): void }, number>();

  function fail(error: Error): void {
    failure = error;
    stopped = true;
    call?.cancel();
    for (const { reject } of waiting.keys()) reject(error);
    ended(error);
  }

  function take({ canceled, compactRevision, cancelReason, events }: WatchResponse): void {
    if (compactRevision > 0) {
      fail(compactedAway(told, compactRevision));
      return;
    }
    if (canceled) throw new GrpcError(grpcCode.unavailable, cancelReason || 'etcd cancelled the watch');
    const news = events.filter(({ now }) => now.modRevision > told);
    const last = news.at(-1)?.now.modRevision;
    if (last === undefined) return;
    told = last;
    receive(news.map(toChange), last);
    for (const [{ resolve }, wanted] of waiting) if (told >= wanted) resolve();
  }

  /** One stream, until it breaks. */
  async function follow(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    call = await connection.stream(
      '/etcdserverpb.Watch/Watch',
      {
        message(body) {
          try {
            if (!stopped) take(readWatch(body));
            if (stopped) resolve();
          } catch (error) {
            call?.cancel();
            reject(error);
          }
        },
        end: (error) => (error ? reject(error) : resolve()),
      },
      // A member that has lost the others ends the watch, instead of telling nothing.
      { hasleader: 'true' },
    );
    if (stopped) {
      call.cancel();
      return;
    }
    call.write(watchRequest(told + 1, told < options.previousUpTo));
    await promise;
  }

  async function run(): Promise<void> {
    let backoff = firstBackoff;
    while (!stopped) {
      const before = told;
      // Whatever broke it: it is taken up again where it was, and asked writes and reads say what is wrong.
      await follow().catch(() => undefined);
      if (stopped) return;
      backoff = told > before ? firstBackoff : Math.min(backoff * 2, longestBackoff);
      await delay(backoff * (0.5 + Math.random()));
    }
  }
  void run();

  return {
    get told() {
      return told;
    },
    reached(revision) {
      if (told >= revision) return Promise.resolve();
      if (failure) return Promise.reject(failure);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const one = { resolve, reject };
      waiting.set(one, revision);
      return promise.finally(() => waiting.delete(one));
    },
    stop() {
      stopped = true;
      call?.cancel();
      for (const { resolve } of waiting.keys()) resolve();
    },
  };
}

function toChange({ removed, now, previous }: WatchEvent): StoredChange {
  return {
    key: now.key,
    revision: now.modRevision,
    ...(removed ? {} : { value: now.value }),
    ...(previous
      ? { previous: { key: previous.key, revision: previous.modRevision, value: previous.value } }
      : {}),
  };
}
