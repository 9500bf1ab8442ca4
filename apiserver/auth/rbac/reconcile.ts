import type { KubeObject } from '../../../api/object.ts';
import { hasReason } from '../../../api/status.ts';
import type { ClusterRole, RbacSubject, RoleBinding } from '../../../api/types.ts';
import { isSameValue } from '../../registry/kinds/validation/same.ts';
import type { Registry, Request } from '../../registry/registry.ts';
import type { Lookup } from '../../registry/strategy.ts';
import { loopback } from '../user.ts';
import { missingRules } from './covers.ts';
import { autoUpdate, type DefaultObject } from './policy/policy.ts';

const request: Request = { user: loopback, dryRun: false, warn: () => undefined };

/** Writes the default roles and bindings that are not there, all at once, and returns those that are. */
export async function createMissing(
  registry: Registry,
  lookup: Lookup,
  defaults: readonly DefaultObject[],
): Promise<DefaultObject[]> {
  const isThere = ({ resource, object: { metadata } }: DefaultObject) =>
    lookup.get(resource, metadata?.name ?? '', metadata?.namespace) !== undefined;
  const { there = [], missing = [] } = Object.groupBy(defaults, (one) =>
    isThere(one) ? 'there' : 'missing',
  );
  await Promise.all(
    missing.map(async ({ resource, object }) => {
      try {
        // Made for this: the registry may have it.
        await registry.create(resource, object, object.metadata?.namespace, request);
      } catch (error) {
        // Another apiserver on the same storage was faster.
        if (!hasReason(error, 'AlreadyExists')) throw error;
      }
    }),
  );
  return there;
}

/**
 * Gives back to default roles and bindings what they have lost; what somebody has added stays, and those annotated
 * {@link autoUpdate} `false` are left alone. Upstream: `component-helpers/auth/rbac/reconciliation`.
 */
export async function reconcileDefaults(
  registry: Registry,
  lookup: Lookup,
  defaults: readonly DefaultObject[],
  signal: AbortSignal,
): Promise<void> {
  for (const { resource, object } of defaults) {
    if (signal.aborted) return;
    const { name = '', namespace } = object.metadata ?? {};
    const ref = { name, ...(namespace ? { namespace } : {}) };
    const current = lookup.get(resource, name, namespace);
    if (!current || current.metadata?.annotations?.[autoUpdate] === 'false') continue;
    if (leadsElsewhere(current, object)) {
      await registry.delete(resource, ref, {}, request);
      await registry.create(resource, structuredClone(object), namespace, request);
      continue;
    }
    if (isSameValue(completed(current, object), current)) continue;
    const complete = (now: KubeObject | undefined) => structuredClone(completed(now ?? object, object));
    await registry.update(resource, ref, complete, request);
  }
}

/** The role that a binding refers to cannot be changed. */
function leadsElsewhere(current: KubeObject, wanted: KubeObject): boolean {
  return 'roleRef' in wanted && !isSameValue(wanted.roleRef, (current as RoleBinding).roleRef);
}

/** `current` and what `wanted` has beyond it. */
function completed(current: KubeObject, wanted: KubeObject): KubeObject {
  const { labels, annotations } = wanted.metadata ?? {};
  const metadata = {
    ...current.metadata,
    labels: { ...labels, ...current.metadata?.labels },
    annotations: { ...annotations, ...current.metadata?.annotations },
  };
  if ('roleRef' in wanted) {
    const { subjects = [] } = current as RoleBinding;
    const missing = ((wanted as RoleBinding).subjects ?? []).filter(
      (subject) => !subjects.some((one) => isSameSubject(one, subject)),
    );
    return { ...current, metadata, ...(missing.length > 0 ? { subjects: [...subjects, ...missing] } : {}) };
  }
  const { aggregationRule, rules = [] } = current as ClusterRole;
  const { aggregationRule: aggregation, rules: all = [] } = wanted as ClusterRole;
  if (aggregation) {
    const selectors = aggregationRule?.clusterRoleSelectors ?? [];
    const missing = (aggregation.clusterRoleSelectors ?? []).filter(
      (selector) => !selectors.some((one) => isSameValue(one, selector)),
    );
    if (missing.length === 0) return { ...current, metadata };
    return {
      ...current,
      metadata,
      aggregationRule: { clusterRoleSelectors: [...selectors, ...missing] },
    } as ClusterRole;
  }
  const missing = missingRules(rules, all);
  return { ...current, metadata, ...(missing.length > 0 ? { rules: [...rules, ...missing] } : {}) };
}

const isSameSubject = (a: RbacSubject, b: RbacSubject) =>
  a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');
