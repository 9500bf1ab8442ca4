import type { PolicyRule, RbacSubject, Role, RoleBinding } from '../../../../api/types.ts';
import { account, groups, read, rule, user, writeEvents } from './rule.ts';

/** Rights within `kube-system` and `kube-public` alone. Upstream: `bootstrappolicy/namespace_policy.go`. */

const system = 'kube-system';
const open = 'kube-public';
const controllers = 'system:controller:';
const authenticationReader = 'extension-apiserver-authentication-reader';
const lock = (component: string) => `system::leader-locking-${component}`;

const role = (namespace: string, name: string, rules: PolicyRule[]): Role => ({
  metadata: { namespace, name },
  rules,
});

const binding = (namespace: string, name: string, subjects: RbacSubject[], of = name): RoleBinding => ({
  metadata: { namespace, name },
  roleRef: { apiGroup: groups.rbac, kind: 'Role', name: of },
  subjects,
});

const lockRules = (component: string): PolicyRule[] => [
  rule('watch', 'core', 'configmaps'),
  rule('get update', 'core', 'configmaps', component),
];

export const namespaceRoles = (): Role[] => [
  role(system, authenticationReader, [
    rule(read, 'core', 'configmaps', 'extension-apiserver-authentication'),
  ]),
  role(system, `${controllers}bootstrap-signer`, [rule(read, 'core', 'secrets')]),
  role(system, `${controllers}cloud-provider`, [rule(`create ${read}`, 'core', 'configmaps')]),
  role(system, `${controllers}token-cleaner`, [rule(`delete ${read}`, 'core', 'secrets'), writeEvents]),
  role(system, lock('kube-controller-manager'), lockRules('kube-controller-manager')),
  role(system, lock('kube-scheduler'), lockRules('kube-scheduler')),
  role(open, `${controllers}bootstrap-signer`, [
    rule(read, 'core', 'configmaps'),
    rule('update', 'core', 'configmaps', 'cluster-info'),
    writeEvents,
  ]),
];

const [manager, scheduler] = ['kube-controller-manager', 'kube-scheduler'] as const;

export const namespaceBindings = (): RoleBinding[] => [
  binding(
    system,
    `system::${authenticationReader}`,
    [user(`system:${manager}`), user(`system:${scheduler}`)],
    authenticationReader,
  ),
  binding(system, lock(manager), [user(`system:${manager}`), account(manager)]),
  binding(system, lock(scheduler), [user(`system:${scheduler}`), account(scheduler)]),
  binding(system, `${controllers}bootstrap-signer`, [account('bootstrap-signer')]),
  binding(system, `${controllers}cloud-provider`, [account('cloud-provider')]),
  binding(system, `${controllers}token-cleaner`, [account('token-cleaner')]),
  binding(open, `${controllers}bootstrap-signer`, [account('bootstrap-signer')]),
];
