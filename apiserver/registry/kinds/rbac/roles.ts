import { resources } from '../../../../api/scheme.ts';
import type { ClusterRole, PolicyRule, Role } from '../../../../api/types.ts';
import { defaultColumns } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import type { KindOptions } from '../options.ts';
import { invalid, required } from '../validation/field.ts';
import { validateSelector } from '../validation/selectors.ts';

/** Whose writers may not give more than they have. Upstream: `pkg/apis/rbac/validation/validation.go`. */
export const roleStrategy = ({ escalation }: Pick<KindOptions, 'escalation'>): Strategy<Role> => ({
  resource: resources.roles,
  prepare: (role, old, { user }) => escalation?.role(resources.roles, role, old, user),
  validate: ({ rules = [] }) =>
    rules.flatMap((rule, index) => validateRule(`rules[${index}]`, rule, { namespaced: true })),
  columns: defaultColumns,
});

export const clusterRoleStrategy = ({
  escalation,
}: Pick<KindOptions, 'escalation'>): Strategy<ClusterRole> => ({
  resource: resources.clusterroles,
  prepare: (role, old, { user }) => escalation?.role(resources.clusterroles, role, old, user),
  validate({ rules, aggregationRule }) {
    const errors = (rules ?? []).flatMap((rule, index) =>
      validateRule(`rules[${index}]`, rule, { namespaced: false }),
    );
    if (!aggregationRule) return errors;
    const field = 'aggregationRule.clusterRoleSelectors';
    const { clusterRoleSelectors: selectors = [] } = aggregationRule;
    if (selectors.length === 0) {
      const detail = 'at least one clusterRoleSelector required if aggregationRule is non-nil';
      errors.push(required(field, detail));
    }
    return [
      ...errors,
      ...selectors.flatMap((selector, index) => validateSelector(`${field}[${index}]`, selector)),
    ];
  },
  columns: defaultColumns,
});

function validateRule(field: string, rule: PolicyRule, { namespaced }: { namespaced: boolean }) {
  const errors: FieldError[] = [];
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (verbs.length === 0) errors.push(required(`${field}.verbs`, 'verbs must contain at least one value'));
  if (nonResourceURLs.length > 0) {
    const urls = `${field}.nonResourceURLs`;
    if (namespaced) {
      errors.push(invalid(urls, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
    }
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      const detail = 'rules cannot apply to both regular resources and non-resource URLs';
      errors.push(invalid(urls, nonResourceURLs, detail));
    }
    return errors;
  }
  if (apiGroups.length === 0) {
    errors.push(required(`${field}.apiGroups`, 'resource rules must supply at least one api group'));
  }
  if (resources.length === 0) {
    errors.push(required(`${field}.resources`, 'resource rules must supply at least one resource'));
  }
  return errors;
}
