import { resources } from '../../../../api/scheme.ts';
import type { ClusterRoleBinding, RbacSubject, RoleBinding } from '../../../../api/types.ts';
import { bindingColumns } from '../../../table/columns/rbac.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import type { KindOptions } from '../options.ts';
import { invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { dnsSubdomain, pathSegment } from '../validation/names.ts';
import { isSameValue } from '../validation/same.ts';

const rbacGroup = resources.roles.group;

type Options = Pick<KindOptions, 'escalation'>;

export const roleBindingStrategy = ({ escalation }: Options): Strategy<RoleBinding> => ({
  resource: resources.rolebindings,
  prepare: (binding, old, { user }) => escalation?.binding(resources.rolebindings, binding, old, user),
  ...bindingRules({ roleKinds: ['Role', 'ClusterRole'], namespaced: true }),
});

export const clusterRoleBindingStrategy = ({ escalation }: Options): Strategy<ClusterRoleBinding> => ({
  resource: resources.clusterrolebindings,
  prepare: (binding, old, { user }) => escalation?.binding(resources.clusterrolebindings, binding, old, user),
  ...bindingRules({ roleKinds: ['ClusterRole'], namespaced: false }),
});

/** What both kinds have in common. Upstream: `pkg/apis/rbac/v1/defaults.go`, `pkg/apis/rbac/validation/validation.go`. */
function bindingRules(scope: { roleKinds: readonly string[]; namespaced: boolean }) {
  return {
    defaults({ roleRef, subjects = [] }) {
      if (roleRef) roleRef.apiGroup ||= rbacGroup;
      for (const subject of subjects) {
        if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= rbacGroup;
      }
    },
    validate({ roleRef, subjects }, old) {
      const errors = validateRoleRef(roleRef, scope.roleKinds);
      for (const [index, subject] of (subjects ?? []).entries()) {
        errors.push(...validateSubject(`subjects[${index}]`, subject, scope));
      }
      if (old && !isSameValue(roleRef, old.roleRef)) {
        errors.push(invalid('roleRef', roleRef, 'cannot change roleRef'));
      }
      return errors;
    },
    columns: bindingColumns,
  } satisfies Partial<Strategy<RoleBinding>>;
}

function validateRoleRef(ref: RoleBinding['roleRef'] | undefined, kinds: readonly string[]): FieldError[] {
  const { apiGroup = '', kind = '', name = '' } = ref ?? {};
  return [
    ...(apiGroup === rbacGroup ? [] : [notSupported('roleRef.apiGroup', apiGroup, [rbacGroup])]),
    ...(kinds.includes(kind) ? [] : [notSupported('roleRef.kind', kind, kinds)]),
    ...(name ? invalidEach('roleRef.name', name, pathSegment(name)) : [required('roleRef.name')]),
  ];
}

function validateSubject(
  field: string,
  { kind, name, apiGroup = '', namespace }: RbacSubject,
  { namespaced }: { namespaced: boolean },
): FieldError[] {
  const errors = name ? [] : [required(`${field}.name`)];
  const fromGroup = (group: string) =>
    apiGroup === group ? [] : [notSupported(`${field}.apiGroup`, apiGroup, [group])];
  switch (kind) {
    case 'ServiceAccount':
      if (name) errors.push(...invalidEach(`${field}.name`, name, dnsSubdomain(name)));
      errors.push(...fromGroup(''));
      if (!namespaced && !namespace) errors.push(required(`${field}.namespace`));
      return errors;
    case 'User':
    case 'Group':
      return [...errors, ...fromGroup(rbacGroup)];
    default:
      return [...errors, notSupported(`${field}.kind`, kind ?? '', ['ServiceAccount', 'User', 'Group'])];
  }
}
