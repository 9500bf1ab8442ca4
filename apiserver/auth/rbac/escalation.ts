import { type Resource, resources } from '../../../api/scheme.ts';
import type { ClusterRole, PolicyRule, Role, RoleBinding } from '../../../api/types.ts';
import { isSameValue } from '../../registry/kinds/validation/same.ts';
import { forbidden, missing } from '../../registry/pipeline/failures.ts';
import type { Authorize } from '../authorize.ts';
import { masters, type User } from '../user.ts';
import { missingRules, quoted, ruleLines } from './covers.ts';
import type { Rbac } from './rbac.ts';

/** Looks at writes of roles and bindings. Throws StatusError Forbidden where one gives rights that the writer has not. */
export interface EscalationCheck {
  role<T extends Role | ClusterRole>(resource: Resource<T>, role: T, old: T | undefined, user: User): void;
  binding<T extends RoleBinding>(resource: Resource<T>, binding: T, old: T | undefined, user: User): void;
}

/**
 * Nobody gives away, in a role or by binding one, more than they have: unless they may `escalate` the role, or
 * `bind` it. Upstream: `pkg/registry/rbac/*\/policybased/storage.go`.
 */
export function createEscalationCheck(authorize: Authorize, rbac: Rbac): EscalationCheck {
  /** What it would give beyond what the user has, as upstream says it. */
  function problem(rules: readonly PolicyRule[], namespace: string | undefined, user: User) {
    const held = rbac.rulesFor(user, namespace);
    const more = missingRules(held.rules, rules);
    if (more.length === 0) return undefined;
    const errors = held.errors.length > 0 ? `; resolution errors: [${held.errors.join(', ')}]` : '';
    const who = `user ${JSON.stringify(user.name)} (groups=${quoted(user.groups)})`;
    return `${who} is attempting to grant RBAC permissions not currently held:\n${ruleLines(more).join('\n')}${errors}`;
  }

  return {
    role(resource, role, old, user) {
      if (user.groups.includes(masters) || (old && isOnlyCollected(role, old))) return;
      const { name = '', namespace } = role.metadata ?? {};
      const { group, name: plural } = resource;
      // A role that is not there yet has no name that the right could be limited to.
      const named = { ...(old ? { name } : {}), ...(namespace ? { namespace } : {}) };
      if (authorize(user, { verb: 'escalate', group, resource: plural, ...named }).allowed) return;
      const text =
        problem(role.rules ?? [], namespace, user) ??
        // What is selected, now or later, may allow anything.
        ((isAggregated(role) || (old && isAggregated(old))) && problem(everything, namespace, user)
          ? 'must have cluster-admin privileges to use the aggregationRule'
          : undefined);
      if (text) throw forbidden(resource, name, text);
    },
    binding(resource, binding, old, user) {
      if (user.groups.includes(masters) || (old && isOnlyCollected(binding, old))) return;
      const { roleRef, metadata: { name = '', namespace } = {} } = binding;
      const of = roleRef?.kind === 'Role' ? resources.roles : resources.clusterroles;
      const asked = { verb: 'bind', group: of.group, resource: of.name, name: roleRef?.name ?? '' };
      if (authorize(user, { ...asked, ...(namespace ? { namespace } : {}) }).allowed) return;
      const rules = roleRef && rbac.rulesOf(roleRef, namespace);
      if (!rules) throw missing(of, asked.name);
      const text = problem(rules, namespace, user);
      if (text) throw forbidden(resource, name, text);
    },
  };
}

const isAggregated = (role: Role | ClusterRole): boolean =>
  'aggregationRule' in role && Boolean(role.aggregationRule?.clusterRoleSelectors?.length);

const everything: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/** The garbage collector takes finalizers and owners off objects whose rights it has not. */
function isOnlyCollected(object: Role | RoleBinding, old: Role | RoleBinding): boolean {
  const { metadata: before = {}, ...was } = old;
  const { metadata: after = {}, ...is } = object;
  const rest = ({ finalizers: _, ownerReferences: __, resourceVersion: ___, ...kept }: typeof before) => kept;
  return isSameValue(is, was) && isSameValue(rest(after), rest(before));
}
