import type { Node } from '../../../api/types.ts';
import type { Column } from '../../registry/strategy.ts';
import { ageColumn, column, nameColumn, orNone, wide } from './common.ts';

/** Columns of Nodes. Upstream: `printNode` in `pkg/printers/internalversion/printers.go`. */
export const nodeColumns: readonly Column<Node>[] = [
  nameColumn,
  column('Status', 'The status of the node', formatStatus),
  column('Roles', 'The roles of the node', formatRoles),
  ageColumn,
  column('Version', 'Version of the kubelet.', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
  wide('Internal-IP', 'Address within the cluster.', (node) => addressOf(node, 'InternalIP')),
  wide('External-IP', 'Address outside of the cluster.', (node) => addressOf(node, 'ExternalIP')),
  wide('OS-Image', 'The operating system.', ({ status }) => status?.nodeInfo?.osImage || '<unknown>'),
  wide('Kernel-Version', 'The kernel.', ({ status }) => status?.nodeInfo?.kernelVersion || '<unknown>'),
  wide(
    'Container-Runtime',
    'What runs the containers.',
    ({ status }) => status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
  ),
];

function formatStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const word = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return spec?.unschedulable ? `${word},SchedulingDisabled` : word;
}

const rolePrefix = 'node-role.kubernetes.io/';

function formatRoles({ metadata }: Node): string {
  const roles = Object.entries(metadata?.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix)) return key.slice(rolePrefix.length) || [];
    return key === 'kubernetes.io/role' && value ? value : [];
  });
  return orNone([...new Set(roles)].sort().join(','));
}

function addressOf({ status }: Node, type: string): string {
  return orNone(status?.addresses?.find((address) => address.type === type)?.address);
}
