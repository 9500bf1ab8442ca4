import type { Pod } from '../../../api/types.ts';
import type { Column } from '../../registry/strategy.ts';
import { ageColumn, column, nameColumn, orNone, wide } from './common.ts';
import { summarizePod } from './pod-summary.ts';

/** Columns of pods. Upstream: `printPod` in `pkg/printers/internalversion/printers.go`. */
export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  column(
    'Ready',
    'The aggregate readiness state of this pod for accepting traffic.',
    (pod) => summarizePod(pod).ready,
  ),
  column('Status', 'The aggregate status of the containers in this pod.', (pod) => summarizePod(pod).status),
  column(
    'Restarts',
    'How often the containers in this pod have been restarted and when the last was.',
    (pod, now) => summarizePod(pod).restarts(now),
  ),
  ageColumn,
  wide('IP', 'The address of the pod.', ({ status }) => orNone(status?.podIPs?.[0]?.ip ?? status?.podIP)),
  wide('Node', 'The node the pod runs on.', ({ spec }) => orNone(spec?.nodeName)),
  wide('Nominated Node', 'The node that is being made free for the pod.', ({ status }) =>
    orNone(status?.nominatedNodeName),
  ),
  wide('Readiness Gates', 'How many of the further conditions for readiness are met.', readinessGates),
];

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter(({ conditionType }) =>
    status?.conditions?.some(({ type, status: is }) => type === conditionType && is === 'True'),
  );
  return `${met.length}/${gates.length}`;
}
