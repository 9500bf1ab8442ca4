import type { KubeObject } from '../../../../api/object.ts';
import { quantityValue } from '../../../../api/quantity.ts';
import { formatAmount, isMeant, type Usage, usageOf } from '../../../../api/quota.ts';
import { type Resource, resources } from '../../../../api/scheme.ts';
import type { Pod, ResourceQuota } from '../../../../api/types.ts';
import { forbidden } from '../../pipeline/failures.ts';
import type { Lookup } from '../../strategy.ts';

/** Of what containers must say, where a quota counts it. */
const compute = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];

/** Objects that are being written and are not seen yet. */
const pending = new WeakMap<Lookup, Map<KubeObject, Resource>>();

const nothing = () => undefined;

/**
 * Refuses an object, or what it comes to use more, that a ResourceQuota of its namespace has no room for. What is there is counted when asked,
 * from memory, together with what is just being written; so nothing has to be kept in step. The returned function
 * is called when the object is written, or not. Upstream: `apiserver/pkg/admission/plugin/resourcequota`.
 *
 * @param old of an object that is there already
 * @throws StatusError Forbidden in upstream's words
 */
export function admitByQuota(
  lookup: Lookup,
  resource: Resource,
  object: KubeObject,
  dryRun: boolean,
  old?: KubeObject,
): () => void {
  const { namespace, name = '' } = object.metadata ?? {};
  if (!resource.namespaced || !namespace) return nothing;
  const quotas = [...lookup.list<ResourceQuota>(resources.resourcequotas, namespace)];
  if (quotas.length === 0) return nothing;
  if (old && !counted(resource)) return nothing;
  const wanted = more(usageOf(resource, object), old ? usageOf(resource, old) : {});
  const others = pending.get(lookup) ?? new Map<KubeObject, Resource>();
  pending.set(lookup, others);
  for (const quota of quotas) {
    const hard = quota.spec?.hard ?? {};
    if (!isMeant(quota, resource, object)) continue;
    if (resource === resources.pods && !old) mustSpecify(quota, object);
    const names = Object.keys(hard).filter((one) => (wanted[one] ?? 0) > 0);
    if (names.length === 0) continue;
    const used = usedOf(lookup, quota, resource, namespace, others);
    const over = names
      .filter((one) => (used[one] ?? 0) + (wanted[one] ?? 0) > quantityValue(hard[one] ?? '0') + 1e-9)
      .sort();
    if (over.length === 0) continue;
    const list = (amount: (one: string) => string) => over.map((one) => `${one}=${amount(one)}`).join(',');
    const why = [
      `exceeded quota: ${quota.metadata?.name}`,
      `requested: ${list((one) => formatAmount(one, wanted[one] ?? 0))}`,
      `used: ${list((one) => formatAmount(one, used[one] ?? 0))}`,
      `limited: ${list((one) => hard[one] ?? '0')}`,
    ];
    throw forbidden(resource, name, why.join(', '));
  }
  if (dryRun || old) return nothing;
  others.set(object, resource);
  return () => void others.delete(object);
}

/** Kinds whose objects may come to use more. Upstream: the evaluators that handle updates. */
const counted = (resource: Resource) =>
  resource === resources.services || resource === resources.persistentvolumeclaims;

/** What an object uses now and did not use before. */
const more = (now: Usage, before: Usage): Usage =>
  Object.fromEntries(Object.entries(now).map(([name, amount]) => [name, amount - (before[name] ?? 0)]));

/** What the objects of the same kind use, those under way included. */
export function usedOf(
  lookup: Lookup,
  quota: ResourceQuota,
  resource: Resource,
  namespace: string,
  others: ReadonlyMap<KubeObject, Resource>,
): Usage {
  const used: Usage = {};
  const add = (object: KubeObject) => {
    if (!isMeant(quota, resource, object)) return;
    for (const [name, amount] of Object.entries(usageOf(resource, object))) {
      used[name] = (used[name] ?? 0) + amount;
    }
  };
  for (const object of lookup.list(resource, namespace)) add(object);
  for (const [object, of] of others) {
    const { name = '', namespace: place } = object.metadata ?? {};
    if (of === resource && place === namespace && !lookup.get(resource, name, namespace)) add(object);
  }
  return used;
}

/** Where cpu or memory is counted, every container must say how much. Upstream: `podEvaluator.Constraints`. */
function mustSpecify({ metadata, spec: quota }: ResourceQuota, { metadata: own, spec }: Pod): void {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const missing = compute
    .filter((name) => quota?.hard?.[name] !== undefined)
    .flatMap((name) => {
      const [part, what] = name.includes('.') ? name.split('.') : ['requests', name];
      const without = containers
        .filter(({ resources: said }) => !said?.[part as 'requests' | 'limits']?.[what ?? ''])
        .map((container) => container.name);
      return without.length > 0 ? [`${name} for: ${without.sort().join(',')}`] : [];
    });
  if (missing.length === 0) return;
  const why = `failed quota: ${metadata?.name}: must specify ${missing.sort().join('; ')}`;
  throw forbidden(resources.pods, own?.name ?? '', why);
}
