import type { Service, ServicePort } from '../../../api/types.ts';
import type { Column } from '../../registry/strategy.ts';
import { ageColumn, column, formatLabels, nameColumn, orNone, wide } from './common.ts';

/** Columns of Services. Upstream: `printService` in `pkg/printers/internalversion/printers.go`. */
export const serviceColumns: readonly Column<Service>[] = [
  nameColumn,
  column('Type', 'How the Service is exposed.', ({ spec }) => spec?.type ?? ''),
  column('Cluster-IP', 'The address of the Service in the cluster.', ({ spec }) =>
    orNone(spec?.clusterIPs?.[0] ?? spec?.clusterIP),
  ),
  column('External-IP', 'Addresses of the Service outside of the cluster.', externalAddress),
  column('Port(s)', 'The ports the Service exposes.', ({ spec }) =>
    orNone(spec?.ports?.map(formatPort).join(',')),
  ),
  ageColumn,
  wide('Selector', 'Labels of the pods the Service routes to.', ({ spec }) => formatLabels(spec?.selector)),
];

function externalAddress({ spec = {}, status }: Service): string {
  const own = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return orNone(own.join(','));
    case 'LoadBalancer': {
      const ingress = (status?.loadBalancer?.ingress ?? []).flatMap(
        ({ ip, hostname }) => ip || hostname || [],
      );
      return [...new Set(ingress.sort()), ...own].join(',') || '<pending>';
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

function formatPort({ port, nodePort, protocol }: ServicePort): string {
  return nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`;
}
