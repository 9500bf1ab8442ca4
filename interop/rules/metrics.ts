import type { ProxiedNode } from './nodes.ts';

/** Names that ours shows later than a genuine proxy of 1.20 does. */
export const laterMetrics = [
  {
    what: 'metric kubeproxy_sync_proxy_rules_iptables_restore_failures_total',
    reason:
      'it has the label ip_family since 1.33, and so is not shown before a write has failed; 1.20 shows a zero',
  },
] as const;

/** The metrics that a genuine proxy has under names of its own, and ours has not. */
export async function missingMetrics(
  genuine: ProxiedNode,
  ours: ProxiedNode,
): Promise<{ names: number; missing: string[] }> {
  const later = new Set<string>(laterMetrics.map(({ what }) => what));
  const names = async (node: ProxiedNode) => {
    const { body } = await node.get('http://127.0.0.1:10249/metrics');
    return new Set(Array.from(body.matchAll(/^# TYPE (kubeproxy_\w+) /gm), ([, name = '']) => name));
  };
  const [theirs, own] = [await names(genuine), await names(ours)];
  return {
    names: theirs.size,
    missing: [...theirs].filter((name) => !own.has(name) && !later.has(`metric ${name}`)),
  };
}
