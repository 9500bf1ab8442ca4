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

/**
 * The pages for people and probes: `/healthz` with the status and at least the fields of a genuine proxy, `/proxyMode` word for
 * word. Resolves to how many there are, and to what differs.
 */
export async function comparePages(
  genuine: ProxiedNode,
  ours: ProxiedNode,
): Promise<{ tried: number; wrong: string[] }> {
  const [health, mode] = ['http://127.0.0.1:10256/healthz', 'http://127.0.0.1:10249/proxyMode'];
  const wrong: string[] = [];
  const [their, own] = [await genuine.get(health), await ours.get(health)];
  const fields = ({ body }: { body: string }) => Object.keys(JSON.parse(body) as object);
  const missing = fields(their).filter((name) => !fields(own).includes(name));
  if (their.status !== own.status || missing.length > 0)
    wrong.push(`/healthz: ${their.status} ${their.body} and ours ${own.status} ${own.body}`);
  const modes = [await genuine.get(mode), await ours.get(mode)].map(
    ({ status, body }) => `${status} ${body}`,
  );
  if (modes[0] !== modes[1]) wrong.push(`/proxyMode: ${modes.join(' and ours ')}`);
  return { tried: 2, wrong };
}
