const firstDelay = 10;
const longestDelay = 10_000;
const stableAfter = 10_000;

export interface Backoff {
  /** Milliseconds to wait before the next start, after a run of `ranFor` milliseconds. */
  next(ranFor: number): number;
}

/** Doubles from 10 ms to 10 s; a run of 10 s or more starts over. */
export function createBackoff(): Backoff {
  let delay = firstDelay;
  return {
    next(ranFor) {
      if (ranFor >= stableAfter) delay = firstDelay;
      const current = delay;
      delay = Math.min(delay * 2, longestDelay);
      return current;
    },
  };
}
