import type { EndpointSlice, Node, Service } from '../../api/types.ts';
import { fnv1a32 } from '../deployment/template-hash.ts';

/** Names the node that answers ARP for a Service's addresses. */
export const announcedBy = 'vethernetes.io/announced-by';
const excluded = 'node.kubernetes.io/exclude-from-external-load-balancers';

/**
 * The node that announces a Service: the one that does, as long as it may, else one chosen by a hash, so that
 * Services are spread. With `externalTrafficPolicy: Local` it has to have a ready endpoint of its own.
 */
export function chooseAnnouncer(
  service: Service,
  nodes: Iterable<Node>,
  slices: Iterable<EndpointSlice>,
): string | undefined {
  const isLocal = service.spec?.externalTrafficPolicy === 'Local';
  const serving = new Set(
    [...(isLocal ? slices : [])].flatMap(({ endpoints = [] }) =>
      endpoints.flatMap(({ conditions, nodeName }) => (conditions?.ready && nodeName ? [nodeName] : [])),
    ),
  );
  const { namespace, name, annotations } = service.metadata ?? {};
  const able = [...nodes].filter(
    ({ metadata, status }) =>
      status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') &&
      (!isLocal || serving.has(metadata?.name ?? '')),
  );
  const willing = able.filter(({ metadata }) => metadata?.labels?.[excluded] === undefined);
  // A cluster of a control plane alone has nobody else.
  const candidates = (willing.length > 0 ? willing : able).map(({ metadata }) => metadata?.name ?? '');
  const present = annotations?.[announcedBy];
  if (present !== undefined && candidates.includes(present)) return present;
  const rank = (node: string) => fnv1a32(Buffer.from(`${namespace}/${name}#${node}`));
  return candidates.sort((a, b) => rank(a) - rank(b))[0];
}
