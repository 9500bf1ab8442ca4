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

/**
 * A key that was looked at so often within so many milliseconds waits for its next turn: what changes meanwhile, such as the
 * pods of a ReplicaSet of 1,000, is one look, and one write.
 */
const crowd = { looks: 20, within: 1_000, pause: 100 };

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
  /** When each key was looked at last, and the turns that are held up. */
  const looks = new Map<string, number[]>();
  const held = new Map<string, NodeJS.Timeout>();
  let forgotten = 0;
  let idlers: (() => void)[] = [];

  signal.addEventListener('abort', () => {
    for (const timer of [...timers.values(), ...held.values()]) clearTimeout(timer);
    timers.clear();
    held.clear();
    waiting.clear();
    settle();
  });

  function settle(): void {
    if (waiting.size > 0 || running.size > 0 || held.size > 0) return;
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
    noteLook(key);
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
    if (held.has(key)) return;
    if (isCrowd(key)) {
      const turn = setTimeout(() => {
        held.delete(key);
        waiting.add(key);
        pump();
      }, crowd.pause);
      held.set(key, turn);
      return;
    }
    waiting.add(key);
    queueMicrotask(pump);
  }

  function isCrowd(key: string): boolean {
    const last = looks.get(key) ?? [];
    return last.length === crowd.looks && performance.now() - (last[0] ?? 0) < crowd.within;
  }

  function noteLook(key: string): void {
    const now = performance.now();
    looks.set(key, [...(looks.get(key) ?? []).slice(1 - crowd.looks), now]);
    if (now - forgotten < crowd.within) return;
    forgotten = now;
    for (const [old, times] of looks) if (now - (times.at(-1) ?? 0) >= crowd.within) looks.delete(old);
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
