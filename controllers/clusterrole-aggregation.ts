import { keyOf, matchesLabelSelector } from '../api/object.ts';
import { resources } from '../api/scheme.ts';
import type { ClusterRole, PolicyRule } from '../api/types.ts';
import type { Controller } from './context.ts';
import { sameJson } from './lookup.ts';

/**
 * Gives roles with an aggregation rule the rules of those they select: a role that is labelled so adds to `admin`,
 * `edit` or `view`. Upstream: `pkg/controller/clusterroleaggregation`.
 */
export const startClusterRoleAggregationController: Controller = ({ client, informers, reconciler }) => {
  const { store, onChange } = informers.clusterroles;

  const queue = reconciler('clusterrole-aggregation-controller', async (key) => {
    const role = store.get(key);
    if (!role?.aggregationRule) return;
    const rules = aggregatedRules(role, [...store.values()]);
    if (!sameJson(rules, role.rules ?? [])) await client.update(resources.clusterroles, { ...role, rules });
  });

  // Who selects whom, and through whom, is not followed: there are few roles, and they seldom change.
  onChange(() => {
    for (const [key, { aggregationRule }] of store) if (aggregationRule) queue.enqueue(key);
  });
  for (const [key, { aggregationRule }] of store) if (aggregationRule) queue.enqueue(key);
};

/** By name of the role they come from, each once. */
function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const others = all
    .filter((one) => keyOf(one) !== keyOf(role))
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const rules = (role.aggregationRule?.clusterRoleSelectors ?? []).flatMap((selector) =>
    others
      .filter(({ metadata }) => matchesLabelSelector(selector, metadata?.labels))
      .flatMap((one) => one.rules ?? []),
  );
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}
