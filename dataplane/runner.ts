import { setTimeout as delay } from 'node:timers/promises';

/** Runs one thing at a time, as often as asked but not more often than allowed. */
export interface Runner {
  /** Asks for a run. Any number of calls before it begins are one run; a call during a run is one more. */
  poke(): void;
  /** Resolves after the first run that ended well, or when the signal fires. */
  readonly first: Promise<void>;
  /** Resolves when nothing is running or asked for. */
  idle(): Promise<void>;
}

export interface RunnerOptions {
  run(): Promise<void>;
  /** Milliseconds from the begin of one run to that of the next. The first is never delayed. */
  minPeriod: number;
  /** Told of each failed run; it is tried again with back-off. */
  onError(error: unknown): void;
  signal: AbortSignal;
}

const firstBackoff = 100;
const longestBackoff = 30_000;

/** Upstream: `pkg/util/async/bounded_frequency_runner.go`. */
export function createRunner({ run, minPeriod, onError, signal }: RunnerOptions): Runner {
  let wanted = false;
  let busy = false;
  let backoff = firstBackoff;
  let began = Number.NEGATIVE_INFINITY;
  const idlers: (() => void)[] = [];
  let firstDone: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    firstDone = resolve;
  });
  if (signal.aborted) firstDone();
  signal.addEventListener('abort', () => firstDone(), { once: true });

  const wait = (milliseconds: number) =>
    // An abort ends the wait, and the loop sees it.
    milliseconds > 0 ? delay(milliseconds, undefined, { signal }).catch(() => undefined) : Promise.resolve();

  async function loop(): Promise<void> {
    busy = true;
    while (wanted && !signal.aborted) {
      await wait(began + minPeriod - performance.now());
      if (signal.aborted) break;
      wanted = false;
      began = performance.now();
      try {
        await run();
        backoff = firstBackoff;
        firstDone();
      } catch (error) {
        if (signal.aborted) break;
        onError(error);
        wanted = true;
        await wait(backoff);
        backoff = Math.min(backoff * 2, longestBackoff);
      }
    }
    busy = false;
    for (const resolve of idlers.splice(0)) resolve();
  }

  return {
    first,
    idle: () => (busy ? new Promise((resolve) => idlers.push(resolve)) : Promise.resolve()),
    poke() {
      wanted = true;
      // All events that arrived together are seen by one run.
      if (!busy) {
        busy = true;
        setImmediate(() => void loop());
      }
    },
  };
}
