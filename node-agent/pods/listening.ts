import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How often the kubelet looks at its containers; a started one is Ready no sooner than that look. */
const relistPeriod = 1_000;

/** Milliseconds between our looks, which see a program begin to listen much sooner. */
const interval = 5;

/**
 * Resolves as soon as a process listens on all of these TCP ports, and after a second in any case: programs need
 * not open the ports that their container declares. Upstream's kubelet sees a started container at its next
 * relist, up to a second later, and by then a small server listens; without this a container that has no
 * readiness probe would be sent connections that it refuses.
 */
export async function untilListening(
  pid: number,
  ports: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + relistPeriod;
  while (!signal.aborted && performance.now() < deadline && !isListening(pid, ports)) await delay(interval);
}

/** Whether each of these TCP ports is listened on in the network namespace of a process; false when it is gone. */
export function isListening(pid: number, ports: readonly number[]): boolean {
  if (ports.length === 0) return true;
  const open = new Set(['tcp', 'tcp6'].flatMap((table) => parseListening(read(`/proc/${pid}/net/${table}`))));
  return ports.every((port) => open.has(port));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // The process has ended, or the kernel has no IPv6; either way there is nothing that listens.
    return '';
  }
}

/** Ports in state LISTEN (0A) of a table in the form of proc_net(5), `/proc/net/tcp`. */
export function parseListening(table: string): number[] {
  return [...table.matchAll(/^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A /gm)].map(
    ([, port = '']) => Number.parseInt(port, 16),
  );
}
