import { join } from 'node:path';

/** A node's run-time files; the lab's tmpfs, gone with it. */
export function nodeRunDir(nodeName: string): string {
  return `/run/v9s/nodes/${nodeName}`;
}

/** Everything the node-agent keeps of one pod. */
export function podDir(runDir: string, uid: string): string {
  return join(runDir, 'pods', uid);
}

/** Where one attempt of a container keeps `plan`, `pid` and `exit`. Attempts count from 0, as restartCount. */
export function attemptDir(pod: string, container: string, attempt: number): string {
  return join(pod, 'containers', container, String(attempt));
}

/** In the folder of an attempt: where shim.pl lets in who attaches. */
export const attachSocket = 'attach';

/** A container's output in the CRI log format, one file an attempt; full ones are beside it, with their time. */
export function logFile(pod: string, container: string, attempt: number): string {
  return join(pod, 'containers', container, `${attempt}.log`);
}

/** First line: process id of the container's program in the lab, and its start time (proc_pid_stat(5), field 22). */
export function containerPidFile(
  nodeName: string,
  uid: string,
  container: string,
  restartCount: number,
): string {
  return join(attemptDir(podDir(nodeRunDir(nodeName), uid), container, restartCount), 'pid');
}
