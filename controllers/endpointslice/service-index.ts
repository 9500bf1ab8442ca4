import type { Change, Informer } from '../../api/informer.ts';
import { keyOf } from '../../api/object.ts';
import type { Pod, Service } from '../../api/types.ts';
import { createIndex, matchesSelector, namespaceOf, sameJson } from '../lookup.ts';
import { podAddresses } from './endpoint.ts';

/** Which Services a pod is, or was, behind: their keys. */
export function createServiceIndex(
  services: Informer<Service>,
): (pod: Pod, old: Pod | undefined) => string[] {
  const byNamespace = createIndex(services, namespaceOf);
  return (pod, old) => {
    const keys: string[] = [];
    for (const service of byNamespace.get(pod.metadata?.namespace ?? '')) {
      const { selector } = service.spec ?? {};
      if (!selector) continue;
      const selected =
        matchesSelector(selector, pod.metadata?.labels) ||
        (old !== undefined && matchesSelector(selector, old.metadata?.labels));
      if (selected) keys.push(keyOf(service));
    }
    return keys;
  };
}

/** False for a change of a pod that no endpoint shows. Upstream: podEndpointsChanged. */
export function affectsServices({ type, object, old }: Change<Pod>): boolean {
  if (type !== 'modified' || !old) return podAddresses(object).length > 0;
  return !sameJson(shown(object), shown(old));
}

function shown({ metadata, spec, status }: Pod): unknown {
  return [
    metadata?.uid,
    metadata?.labels,
    metadata?.deletionTimestamp !== undefined,
    spec?.nodeName,
    spec?.hostname,
    spec?.subdomain,
    status?.podIP,
    status?.podIPs,
    status?.phase === 'Succeeded' || status?.phase === 'Failed',
    status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  ];
}
