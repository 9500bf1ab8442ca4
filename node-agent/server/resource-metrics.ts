import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PodState } from '../pods/state.ts';

/** What processes have used, and have. */
interface Usage {
  /** Seconds of CPU time. */
  cpu: number;
  /** Bytes. */
  memory: number;
}

/**
 * Answer to `/metrics/resource`, as metrics-server reads it: CPU and memory of containers, pods and node, which here is the sum of
 * its pods. Counted over the processes that a container's own `/proc` shows, so that it needs no cgroup: memory is what they have
 * resident, shared pages each time. Upstream: `pkg/kubelet/metrics/collectors/resource_metrics.go`.
 */
export function resourceMetricsText(pods: Iterable<PodState>, now = Date.now()): string {
  const families = new Map(Object.keys(help).map((name) => [name, [] as string[]]));
  const add = (name: string, labels: Record<string, string>, value: number) => {
    const list = Object.entries(labels).map(([key, text]) => `${key}=${JSON.stringify(text)}`);
    families.get(name)?.push(`${name}${list.length > 0 ? `{${list.join(',')}}` : ''} ${value} ${now}\n`);
  };
  const addUsage = (of: string, labels: Record<string, string>, { cpu, memory }: Usage) => {
    add(`${of}_cpu_usage_seconds_total`, labels, cpu);
    add(`${of}_memory_working_set_bytes`, labels, memory);
  };
  const node: Usage[] = [];
  for (const { pod, containers } of pods) {
    // With hostPID what is seen is not its own.
    if (!pod || pod.spec?.hostPID) continue;
    const { namespace = '', name = '' } = pod.metadata ?? {};
    const used: Usage[] = [];
    for (const { name: container, running } of containers.values()) {
      if (!running) continue;
      const usage = usageOf(running.pid);
      used.push(usage);
      const labels = { container, namespace, pod: name };
      addUsage('container', labels, usage);
      add('container_start_time_seconds', labels, Date.parse(running.startedAt) / 1000);
    }
    if (used.length === 0) continue;
    node.push(sum(used));
    addUsage('pod', { namespace, pod: name }, sum(used));
  }
  addUsage('node', {}, sum(node));
  return [...families]
    .filter(([, lines]) => lines.length > 0)
    .map(([name, lines]) => {
      const type = name.endsWith('_total') ? 'counter' : 'gauge';
      return `# HELP ${name} ${help[name]}\n# TYPE ${name} ${type}\n${lines.join('')}`;
    })
    .join('');
}

const help: Record<string, string> = {
  container_cpu_usage_seconds_total: 'Cumulative cpu time consumed by the container in core-seconds',
  container_memory_working_set_bytes: 'Current working set of the container in bytes',
  container_start_time_seconds: 'Start time of the container since unix epoch in seconds',
  node_cpu_usage_seconds_total: 'Cumulative cpu time consumed by the node in core-seconds',
  node_memory_working_set_bytes: 'Current working set of the node in bytes',
  pod_cpu_usage_seconds_total: 'Cumulative cpu time consumed by the pod in core-seconds',
  pod_memory_working_set_bytes: 'Current working set of the pod in bytes',
};

const sum = (all: readonly Usage[]): Usage => ({
  cpu: all.reduce((total, { cpu }) => total + cpu, 0),
  memory: all.reduce((total, { memory }) => total + memory, 0),
});

/** Of the processes in the PID namespace of a program, and of those they have waited for. */
function usageOf(pid: number): Usage {
  const folder = `/proc/${pid}/root/proc`;
  const all = readIfThere(() => readdirSync(folder)) ?? [];
  return sum(
    all
      .filter((name) => /^\d/.test(name))
      .flatMap((name) => {
        const stat = readIfThere(() => readFileSync(join(folder, name, 'stat'), 'utf8'));
        // proc_pid_stat(5): fields from the third, behind the name.
        const fields =
          stat
            ?.slice(stat.lastIndexOf(')') + 2)
            .split(' ')
            .map(Number) ?? [];
        const ticks = fields.slice(11, 15).reduce((total, count) => total + count, 0);
        return stat ? [{ cpu: ticks / ticksPerSecond, memory: Math.max(fields[21] ?? 0, 0) * pageSize }] : [];
      }),
  );
}

/** USER_HZ and the size of pages, on all machines that containers run on here. */
const ticksPerSecond = 100;
const pageSize = 4096;

/** Undefined when it has ended meanwhile, or hides its `/proc`. */
function readIfThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ESRCH', 'ENOTDIR', 'EACCES'].includes(code)) return undefined;
    throw error;
  }
}
