import { customResources } from '../api/custom-resources.ts';
import { keyOf } from '../api/object.ts';
import { countedKinds, formatAmount, isMeant, type Usage, usageOf } from '../api/quota.ts';
import { allResources, type Resource, resources } from '../api/scheme.ts';
import type { ResourceQuota } from '../api/types.ts';
import { allInformers, type Controller } from './context.ts';
import { createIndex, namespaceOf, sameJson } from './lookup.ts';

/** How often what has no informer is counted anew. Upstream: `--resource-quota-sync-period`. */
const resync = 5 * 60_000;

/**
 * Tells in the status of each ResourceQuota what is used; the apiserver counts for itself. Upstream:
 * `pkg/controller/resourcequota`.
 */
export const startResourceQuotaController: Controller = (context) => {
  const { client, informers } = context;
  const quotas = createIndex(informers.resourcequotas, namespaceOf);
  const queue = context.reconciler('resourcequota', reconcile, 2);

  informers.resourcequotas.onChange(({ key }) => queue.enqueue(key));
  for (const informer of allInformers(informers)) {
    if (!informer.resource.namespaced) continue;
    informer.onChange(({ object }) => {
      const { namespace = '' } = (object as { metadata?: { namespace?: string } }).metadata ?? {};
      for (const quota of quotas.get(namespace)) queue.enqueue(keyOf(quota));
    });
  }

  async function reconcile(key: string): Promise<{ requeueAfter: number } | undefined> {
    const quota = informers.resourcequotas.store.get(key);
    if (!quota || quota.metadata?.deletionTimestamp) return undefined;
    const hard = quota.spec?.hard ?? {};
    const used = await usedBy(quota);
    const amounts = Object.keys(hard).map((name) => [name, formatAmount(name, used[name] ?? 0)] as const);
    const status = { hard, used: Object.fromEntries(amounts) };
    if (!sameJson(status, quota.status)) {
      await client.update(resources.resourcequotas, { ...quota, status }, 'status');
    }
    return { requeueAfter: resync };
  }

  /** With the custom kinds, where a name may be of one: nobody follows their objects, so they are counted anew now and then. */
  async function kindsOf({ spec }: ResourceQuota): Promise<readonly Resource[]> {
    const groups = new Set(allResources.map(({ group }) => group));
    const isCustom = (name: string) =>
      name.startsWith('count/') && name.includes('.') && !groups.has(name.slice(name.indexOf('.') + 1));
    if (!Object.keys(spec?.hard ?? {}).some(isCustom)) return allResources;
    const { items } = await client.list(resources.customresourcedefinitions);
    const custom = items.flatMap((one) => [...customResources(one).values()]);
    return [...allResources, ...custom.filter((row) => row.stored === row)];
  }

  async function usedBy(quota: ResourceQuota): Promise<Usage> {
    const { namespace = '' } = quota.metadata ?? {};
    const used: Usage = {};
    for (const resource of countedKinds(quota, await kindsOf(quota))) {
      const { items } = await client.list(resource, { namespace });
      for (const object of items) {
        if (!isMeant(quota, resource, object)) continue;
        for (const [name, amount] of Object.entries(usageOf(resource, object))) {
          used[name] = (used[name] ?? 0) + amount;
        }
      }
    }
    return used;
  }
};
