/** Asks for another look after so many milliseconds, without counting as a failure. */
export interface Again {
  requeueAfter: number;
}

export interface ReconcilerOptions {
  /** Brings the actual state of `key` to the desired one. A rejection is retried with back-off. */
  reconcile(key: string): Promise<Again | undefined | void>;
  signal: AbortSignal;
  /** Keys worked on at once; one key is never worked on twice at once. Default 4. */
  concurrency?: number;
  onError?: (key: string, error: unknown) => void;
}

/** A queue of keys that wait to be looked at. */
export interface Reconciler {
  /** Marks a key dirty. Many calls before its turn are one look; a call during its turn is one more. */
  enqueue(key: string): void;
  enqueueAfter(key: string, milliseconds: number): void;
  /** Resolves when nothing is waiting or running; delayed and retried keys do not count. */
  idle(): Promise<void>;
}

const firstBackoff = 5;
const longestBackoff = 30_000;

/**
 * The level-triggered loop under every controller: events only mark keys, `reconcile` compares and
 * repairs. Upstream: client-go `util/workqueue`.
 */
export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { reconcile, signal, concurrency = 4, onError } = options;
  const waiting = new Set<string>();
  const running = new Set<string>();
  const dirty = new Set<string>();
  const failures = new Map<string, number>();
  const timers = new Map<string, NodeJS.Timeout>();
  let idlers: (() => void)[] = [];

  signal.addEventListener('abort', () => {
    for (const timer of timers.values()) clearTimeout(timer);
    timers.clear();
    waiting.clear();
    settle();
  });

  function settle(): void {
    if (waiting.size > 0 || running.size > 0) return;
    for (const resolve of idlers) resolve();
    idlers = [];
  }

  function pump(): void {
    for (const key of waiting) {
      if (running.size >= concurrency) return;
      waiting.delete(key);
      running.add(key);
      void work(key);
    }
  }

  async function work(key: string): Promise<void> {
    try {
      const again = await reconcile(key);
      failures.delete(key);
      if (again) enqueueAfter(key, again.requeueAfter);
    } catch (error) {
      if (!signal.aborted) {
        onError?.(key, error);
        const count = failures.get(key) ?? 0;
        failures.set(key, count + 1);
        enqueueAfter(key, Math.min(firstBackoff * 2 ** count, longestBackoff));
      }
    }
    running.delete(key);
    if (dirty.delete(key)) enqueue(key);
    pump();
    settle();
  }

  function enqueue(key: string): void {
    if (signal.aborted) return;
    if (running.has(key)) {
      dirty.add(key);
      return;
    }
    waiting.add(key);
    queueMicrotask(pump);
  }

  function enqueueAfter(key: string, milliseconds: number): void {
    if (signal.aborted) return;
    clearTimeout(timers.get(key));
    const fire = () => {
      timers.delete(key);
      enqueue(key);
    };
    timers.set(key, setTimeout(fire, milliseconds));
  }

  return {
    enqueue,
    enqueueAfter,
    idle: () =>
      new Promise((resolve) => {
        idlers.push(resolve);
        queueMicrotask(settle);
      }),
  };
}
