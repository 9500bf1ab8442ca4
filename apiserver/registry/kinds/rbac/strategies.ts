import type { EscalationCheck } from '../../../auth/rbac/escalation.ts';
import type { Strategy } from '../../strategy.ts';
import { clusterRoleBindingStrategy, roleBindingStrategy } from './bindings.ts';
import { clusterRoleStrategy, roleStrategy } from './roles.ts';

/** Roles and bindings, whose writers may not give more than they have. Without a check, as in tests of rules, anybody may. */
export function rbacStrategies(check?: EscalationCheck): Strategy[] {
  return [
    {
      ...roleStrategy,
      prepare: (role, old, { user }) => check?.role(roleStrategy.resource, role, old, user),
    } satisfies typeof roleStrategy,
    {
      ...clusterRoleStrategy,
      prepare: (role, old, { user }) => check?.role(clusterRoleStrategy.resource, role, old, user),
    } satisfies typeof clusterRoleStrategy,
    {
      ...roleBindingStrategy,
      prepare: (binding, old, { user }) => check?.binding(roleBindingStrategy.resource, binding, old, user),
    } satisfies typeof roleBindingStrategy,
    {
      ...clusterRoleBindingStrategy,
      prepare: (binding, old, { user }) =>
        check?.binding(clusterRoleBindingStrategy.resource, binding, old, user),
    } satisfies typeof clusterRoleBindingStrategy,
  ];
}
