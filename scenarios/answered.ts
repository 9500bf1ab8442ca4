import type { V1Pod } from '@kubernetes/client-node';
import { nameOf } from './objects.ts';
import type { Stage } from './scenario.ts';

/** Milliseconds: changes come into force in seconds, and later on a busy machine. */
const patience = 90_000;

/**
 * Runs a shell line in a pod until it prints these lines, in any order. Shows it with what it printed last, and says
 * `what` that means.
 */
export async function answered(
  { report, cluster }: Stage,
  pod: V1Pod,
  line: string,
  wanted: readonly string[],
  what: string,
): Promise<void> {
  const lines = [...wanted].sort().join();
  const deadline = performance.now() + patience;
  report.command(nameOf(pod), line);
  const place = cluster.pod(nameOf(pod));
  for (;;) {
    const { stdout } = await place.exec(['sh', '-c', line], { allowFailure: true });
    const isThere = stdout.split('\n').filter(Boolean).sort().join() === lines;
    if (!isThere && performance.now() < deadline) continue;
    report.output(stdout);
    report.check(what, isThere, stdout);
    return;
  }
}
