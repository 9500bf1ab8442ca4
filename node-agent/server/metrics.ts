import type { PodState } from '../pods/state.ts';

/** The few of kubelet's metrics that this one has something to say to, as Prometheus reads them. */
export function metricsText(nodeName: string, pods: Iterable<PodState>): string {
  const states = { running: 0, created: 0, exited: 0 };
  let sandboxes = 0;
  for (const { sandboxReady, containers } of pods) {
    if (sandboxReady) sandboxes++;
    for (const { running, terminated } of containers.values())
      states[running ? 'running' : terminated ? 'exited' : 'created']++;
  }
  const started = Date.now() / 1000 - process.uptime();
  const metrics = [
    ['kubelet_node_name', "The node's name. The count is always 1.", `{node=${JSON.stringify(nodeName)}}`, 1],
    ['kubelet_running_pods', 'Number of pods that have a running pod sandbox', '', sandboxes],
    ...Object.entries(states).map(
      ([state, count]) =>
        [
          'kubelet_running_containers',
          'Number of containers currently running',
          `{container_state=${JSON.stringify(state)}}`,
          count,
        ] as const,
    ),
    ['process_resident_memory_bytes', 'Resident memory size in bytes.', '', process.memoryUsage.rss()],
    [
      'process_start_time_seconds',
      'Start time of the process since unix epoch in seconds.',
      '',
      started.toFixed(3),
    ],
  ] as const;
  const said = new Set<string>();
  return metrics
    .map(([name, help, labels, value]) => {
      const head = said.has(name) ? '' : `# HELP ${name} ${help}\n# TYPE ${name} gauge\n`;
      said.add(name);
      return `${head}${name}${labels} ${value}\n`;
    })
    .join('');
}
