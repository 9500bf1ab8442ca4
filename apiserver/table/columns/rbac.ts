import type { ClusterRoleBinding, RbacSubject, RoleBinding } from '../../../api/types.ts';
import type { Column } from '../../registry/strategy.ts';
import { ageColumn, column, nameColumn, wide } from './common.ts';

type Binding = RoleBinding | ClusterRoleBinding;

/** Of RoleBindings and ClusterRoleBindings. Upstream: `pkg/printers/internalversion/printers.go`. */
export const bindingColumns: readonly Column<Binding>[] = [
  nameColumn,
  column('Role', 'Whose rules the subjects get.', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  ageColumn,
  wide('Users', 'Users in the binding', named('User')),
  wide('Groups', 'Groups in the binding', named('Group')),
  wide('ServiceAccounts', 'ServiceAccounts in the binding', named('ServiceAccount')),
];

function named(wanted: string) {
  const text = ({ kind, namespace, name }: RbacSubject) =>
    kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name;
  return ({ subjects = [] }: Binding) =>
    subjects
      .filter(({ kind }) => kind === wanted)
      .map(text)
      .join(', ');
}
