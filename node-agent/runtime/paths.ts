import { join } from 'node:path';
import { packageRoot } from '../../kernel/package-root.ts';

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

/** In the folder of an attempt: what the container sees at its `terminationMessagePath`. */
export const terminationLog = 'termination-log';

/** A container's output in the CRI log format, one file an attempt; full ones are beside it, with their time. */
export function logFile(pod: string, container: string, attempt: number): string {
  return join(pod, 'containers', container, `${attempt}.log`);
}

/** Programs beside this file; each says itself what it does. */
export const runtimeScript = (
  name: 'shim.pl' | 'exec.pl' | 'forward.pl' | 'encapsulate.pl' | 'announce.pl',
): string => join(packageRoot, 'node-agent/runtime', name);

/** Of a running attempt: first line of `pid`: the program's process id in the lab, and its start time. */
export function containerDir(nodeName: string, uid: string, container: string, restartCount: number): string {
  return attemptDir(podDir(nodeRunDir(nodeName), uid), container, restartCount);
}
