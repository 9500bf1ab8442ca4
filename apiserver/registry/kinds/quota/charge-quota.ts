import type { KubeObject } from '../../../../api/object.ts';
import { formatAmount, isMeant, usageOf } from '../../../../api/quota.ts';
import { type Resource, resources } from '../../../../api/scheme.ts';
import { hasReason } from '../../../../api/status.ts';
import type { ResourceQuota } from '../../../../api/types.ts';
import { loopback } from '../../../auth/user.ts';
import type { Registry, Request } from '../../registry.ts';
import type { Lookup } from '../../strategy.ts';
import { usedOf } from './admit-quota.ts';

const request: Request = { user: loopback, dryRun: false, warn: () => undefined };

/**
 * Tells in the status of ResourceQuotas that a new object uses something of them: controllers look on their own
 * account only when objects go. Quotas whose limits no controller has taken up yet are left to it. Upstream:
 * `apiserver/pkg/admission/plugin/resourcequota/controller.go`.
 */
export async function chargeQuotas(
  registry: Pick<Registry, 'update'>,
  lookup: Lookup,
  resource: Resource,
  object: KubeObject,
): Promise<void> {
  const { namespace } = object.metadata ?? {};
  if (!resource.namespaced || !namespace) return;
  const wanted = usageOf(resource, object);
  for (const quota of [...lookup.list<ResourceQuota>(resources.resourcequotas, namespace)]) {
    const names = Object.keys(quota.status?.hard ?? {}).filter((name) => (wanted[name] ?? 0) > 0);
    if (names.length === 0 || !isMeant(quota, resource, object)) continue;
    const { name = '' } = quota.metadata ?? {};
    const charge = (current: KubeObject | undefined): ResourceQuota => {
      const { status, metadata, ...rest } = current as ResourceQuota;
      // Counted anew, not added up: whoever else counts comes to the same.
      const used = usedOf(lookup, quota, resource, namespace, new Map());
      const amounts = names.map((one) => [one, formatAmount(one, used[one] ?? 0)] as const);
      const { resourceVersion: _, ...own } = metadata ?? {};
      return {
        ...rest,
        metadata: own,
        status: { ...status, used: { ...status?.used, ...Object.fromEntries(amounts) } },
      };
    };
    const options = { subresource: 'status' as const };
    await registry
      .update(resources.resourcequotas, { name, namespace }, charge, request, options)
      .catch((error) => {
        // It has been deleted in this moment.
        if (!hasReason(error, 'NotFound')) throw error;
      });
  }
}
