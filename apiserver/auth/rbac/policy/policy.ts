import type { KubeObject } from '../../../../api/object.ts';
import { type Resource, resources } from '../../../../api/scheme.ts';
import type { ClusterRole, PolicyRule } from '../../../../api/types.ts';
import { componentBindings, componentRoles } from './components.ts';
import { controllerBindings, controllerRoles } from './controllers.ts';
import { namespaceBindings, namespaceRoles } from './namespaces.ts';
import { userRoles } from './users.ts';

/** An object that every cluster has, and the server puts right when it starts. */
export interface DefaultObject {
  resource: Resource;
  object: KubeObject;
}

/** An object with this annotation `true` is put right. Upstream: `rbacv1.AutoUpdateAnnotationKey`. */
export const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate';

/**
 * Roles and bindings of a new cluster, as Kubernetes 1.33 makes them with its default feature gates. Made when asked for,
 * so that nobody holds them once they are written.
 */
export function defaultPolicy(): DefaultObject[] {
  const roles = withAggregation([...userRoles(), ...componentRoles(), ...controllerRoles()]);
  return [
    ...roles.map(of(resources.clusterroles)),
    ...[...componentBindings(), ...controllerBindings()].map(of(resources.clusterrolebindings)),
    ...namespaceRoles().map(of(resources.roles)),
    ...namespaceBindings().map(of(resources.rolebindings)),
  ];
}

function of(resource: Resource): (object: KubeObject) => DefaultObject {
  return ({ metadata, ...rest }) => ({
    resource,
    object: {
      ...rest,
      metadata: {
        ...metadata,
        annotations: { [autoUpdate]: 'true' },
        labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...metadata?.labels },
      },
    },
  });
}

/**
 * `admin`, `edit` and `view` with the rules that the aggregation controller would give them, so that it has nothing to
 * write when a cluster starts. An aggregated role may itself be selected: the inner ones come first.
 */
function withAggregation(roles: readonly ClusterRole[]): ClusterRole[] {
  const filled = new Map(roles.map((role) => [role.metadata?.name ?? '', role]));
  for (const name of ['view', 'edit', 'admin']) {
    const role = filled.get(name);
    if (role) filled.set(name, { ...role, rules: aggregatedRules(role, [...filled.values()]) });
  }
  return [...filled.values()];
}

/** The rules of all roles that an aggregated one selects, each once, by role name. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const name = (one: ClusterRole) => one.metadata?.name ?? '';
  const rules = new Map<string, PolicyRule>();
  for (const { matchLabels = {} } of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const selected = all
      .filter((one) => name(one) !== name(role))
      .filter(({ metadata }) =>
        Object.entries(matchLabels).every(([key, value]) => metadata?.labels?.[key] === value),
      )
      .sort((a, b) => (name(a) < name(b) ? -1 : 1));
    for (const rule of selected.flatMap((one) => one.rules ?? [])) {
      const key = JSON.stringify(rule);
      if (!rules.has(key)) rules.set(key, rule);
    }
  }
  return [...rules.values()];
}
