import { describe, expect, it } from 'vitest';
import { resources } from '../../../../api/scheme.ts';
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../../../api/types.ts';
import { admit, strategyOf } from '../testing.ts';

const rules = (...list: NonNullable<Role['rules']>) => ({ metadata: { name: 'a' }, rules: list });

// The cases of upstream's `pkg/apis/rbac/validation/validation_test.go`.
describe('rules', () => {
  const namespaced = (role: Role) => admit(strategyOf(resources.roles), role).errors;
  const clusterWide = (role: ClusterRole) => admit(strategyOf(resources.clusterroles), role).errors;

  it('name verbs, and either resources with their groups or URLs', () => {
    expect(namespaced(rules({ verbs: ['get'], apiGroups: [''], resources: ['pods'] }))).toEqual([]);
    expect(clusterWide(rules({ verbs: ['get'], nonResourceURLs: ['/*'] }))).toEqual([]);
    expect(namespaced(rules({ verbs: [], apiGroups: [''], resources: ['pods'] }))).toEqual([
      'rules[0].verbs: Required value: verbs must contain at least one value',
    ]);
    expect(namespaced(rules({ verbs: ['get'], resources: ['pods'] }))).toEqual([
      'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
    ]);
    expect(namespaced(rules({ verbs: ['get'], apiGroups: [''] }))).toEqual([
      'rules[0].resources: Required value: resource rules must supply at least one resource',
    ]);
    expect(namespaced(rules({ verbs: ['get'], nonResourceURLs: ['/'] }))).toEqual([
      'rules[0].nonResourceURLs: Invalid value: ["/"]: namespaced rules cannot apply to non-resource URLs',
    ]);
    expect(clusterWide(rules({ verbs: ['get'], nonResourceURLs: ['/'], resources: ['pods'] }))).toEqual([
      'rules[0].nonResourceURLs: Invalid value: ["/"]: rules cannot apply to both regular resources and non-resource URLs',
    ]);
  });

  it('are aggregated from roles that somebody selects', () => {
    const aggregated = (clusterRoleSelectors?: object[]) =>
      clusterWide({
        metadata: { name: 'a' },
        aggregationRule: clusterRoleSelectors ? { clusterRoleSelectors } : {},
      });
    expect(aggregated([{ matchLabels: { a: 'b' } }])).toEqual([]);
    expect(aggregated()).toEqual([
      'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
    ]);
    expect(aggregated([{ matchLabels: { '-': 'b' } }])[0]).toContain(
      'aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: "-"',
    );
  });
});

describe('bindings', () => {
  const binding: RoleBinding = {
    metadata: { name: 'a', namespace: 'default' },
    roleRef: { kind: 'Role', name: 'reader' },
    subjects: [
      { kind: 'User', name: 'jane' },
      { kind: 'ServiceAccount', name: 'default' },
    ],
  };
  const namespaced = (change: Partial<RoleBinding> = {}, old?: RoleBinding) =>
    admit(strategyOf(resources.rolebindings), { ...binding, ...change }, old);
  const clusterWide = (change: Partial<ClusterRoleBinding> = {}) =>
    admit(strategyOf(resources.clusterrolebindings), {
      metadata: { name: 'a' },
      roleRef: { kind: 'ClusterRole', name: 'view' },
      ...change,
    }).errors;
  const group = 'rbac.authorization.k8s.io';

  it('are in the group of roles unless they say otherwise', () => {
    const { object, errors } = namespaced();
    expect(errors).toEqual([]);
    expect(object.roleRef).toEqual({ apiGroup: group, kind: 'Role', name: 'reader' });
    expect(object.subjects).toEqual([
      { kind: 'User', name: 'jane', apiGroup: group },
      { kind: 'ServiceAccount', name: 'default' },
    ]);
  });

  it('refer to a role there is a kind of', () => {
    const errorsOf = (roleRef: RoleBinding['roleRef']) => namespaced({ roleRef }).errors;
    expect(errorsOf({ kind: 'Role', name: '', apiGroup: 'rbac' })).toEqual([
      `roleRef.apiGroup: Unsupported value: "rbac": supported values: "${group}"`,
      'roleRef.name: Required value',
    ]);
    expect(errorsOf({ kind: 'Group', name: 'a%2f' })).toEqual([
      'roleRef.kind: Unsupported value: "Group": supported values: "Role", "ClusterRole"',
      'roleRef.name: Invalid value: "a%2f": may not contain \'%\'',
    ]);
    expect(clusterWide({ roleRef: { kind: 'Role', name: 'view' } })).toEqual([
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
    ]);
  });

  it('refer to it for good', () => {
    const old = namespaced().object;
    expect(namespaced({}, old).errors).toEqual([]);
    expect(namespaced({ roleRef: { kind: 'ClusterRole', name: 'view' } }, old).errors).toEqual([
      `roleRef: Invalid value: {"kind":"ClusterRole","name":"view","apiGroup":"${group}"}: cannot change roleRef`,
    ]);
  });

  it('name subjects of three kinds', () => {
    const errorsOf = (...subjects: NonNullable<RoleBinding['subjects']>) => namespaced({ subjects }).errors;
    expect(errorsOf({ kind: 'Person', name: 'jane' })).toEqual([
      'subjects[0].kind: Unsupported value: "Person": supported values: "ServiceAccount", "User", "Group"',
    ]);
    expect(errorsOf({ kind: 'User', name: '', apiGroup: 'v1' })).toEqual([
      'subjects[0].name: Required value',
      `subjects[0].apiGroup: Unsupported value: "v1": supported values: "${group}"`,
    ]);
    expect(errorsOf({ kind: 'ServiceAccount', name: 'Jane', apiGroup: group })).toEqual([
      expect.stringContaining('subjects[0].name: Invalid value: "Jane": a lowercase RFC 1123 subdomain'),
      `subjects[0].apiGroup: Unsupported value: "${group}": supported values: ""`,
    ]);
    expect(clusterWide({ subjects: [{ kind: 'ServiceAccount', name: 'jane' }] })).toEqual([
      'subjects[0].namespace: Required value',
    ]);
  });
});
