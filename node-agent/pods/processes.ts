import { readdirSync } from 'node:fs';
import type { Recorder } from '../events.ts';
import { mostProcesses } from '../runtime/root-plan.ts';
import { eventSubject } from './context.ts';
import type { PodState } from './state.ts';

/** Milliseconds between two looks, as kubelet's eviction manager has it. */
const period = 10_000;

/** Near enough: threads count, where we see processes only. */
const nearly = 0.9;

/**
 * Tells by an Event of containers that have as many processes as their PID namespace allows, a fork bomb say: they are
 * held, the others are unharmed, but nobody else would say why a program cannot fork.
 */
export function watchProcesses(
  pods: () => Iterable<PodState>,
  recorder: Recorder,
  signal: AbortSignal,
  most = mostProcesses,
): void {
  const told = new Set<string>();
  const look = () => {
    for (const { pod, containers } of pods()) {
      // With hostPID it is not the pod's own.
      if (!pod || pod.spec?.hostPID) continue;
      for (const { name, record, running } of containers.values()) {
        if (!record || !running || told.has(record.id) || countProcesses(running.pid) < nearly * most)
          continue;
        told.add(record.id);
        const text = `Container ${name} can start no more processes: its PID namespace has room for ${most} (kernel.pid_max)`;
        recorder.event(eventSubject(pod, name), 'Warning', 'PIDLimitReached', text);
      }
    }
  };
  const timer = setInterval(look, period).unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

/** In the PID namespace of a process; 0 when it has ended. */
function countProcesses(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/root/proc`).filter((name) => /^\d/.test(name)).length;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EACCES: it is becoming another program, or has hidden its /proc.
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'ENOTDIR' || code === 'EACCES') return 0;
    throw error;
  }
}
