/** What is wanted of a container's log; upstream: v1 PodLogOptions. */
export interface LogOptions {
  follow: boolean;
  timestamps: boolean;
  /** Older lines are left out: RFC 3339 in UTC with nanoseconds, as lines begin. */
  since?: string;
  /** So many of the last lines. */
  tailLines?: number;
  /** Of what is given, time included. */
  limitBytes?: number;
}

/** As lines of a log begin, so that text compares as time does. */
export function logTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, -1)}000000Z`;
}
