/** When a container may be started again, in milliseconds since the epoch. */
export interface BackoffEntry {
  delay: number;
  updatedAt: number;
}

export const firstDelay = 10_000;
export const longestDelay = 300_000;

/**
 * Milliseconds still to wait after something failed at `since`; 0 when it may go on. Upstream:
 * client-go `util/flowcontrol/backoff.go`, IsInBackOffSince.
 */
export function remainingBackoff(entry: BackoffEntry | undefined, since: number, now: number): number {
  if (!entry || isExpired(entry, since)) return 0;
  return Math.max(0, since + entry.delay - now);
}

/** The entry after one more attempt: 10 s, then double up to 5 min; anew after 10 quiet minutes. */
export function nextBackoff(entry: BackoffEntry | undefined, since: number, now: number): BackoffEntry {
  const delay = !entry || isExpired(entry, since) ? firstDelay : Math.min(entry.delay * 2, longestDelay);
  return { delay, updatedAt: now };
}

/** As Go prints a duration of whole seconds: `10s`, `1m20s`, `5m0s`. */
export function goDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function isExpired({ updatedAt }: BackoffEntry, since: number): boolean {
  return since - updatedAt > 2 * longestDelay;
}
