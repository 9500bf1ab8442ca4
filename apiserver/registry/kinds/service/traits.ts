import type { Service, ServiceSpec } from '../../../../api/types.ts';

/** Questions that several rules ask of a Service. Upstream: `pkg/api/service/util.go`. */

export const specOf = (service: Service | undefined): ServiceSpec => service?.spec ?? {};

/** `clusterIP: None` */
export const isHeadless = ({ clusterIP, clusterIPs }: ServiceSpec): boolean =>
  clusterIPs?.length === 1 ? clusterIPs[0] === 'None' : clusterIP === 'None';

export const needsClusterIp = ({ type }: ServiceSpec): boolean =>
  type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer';

export const needsNodePort = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false);

/** May be reached from outside of the cluster. */
export const isExternal = ({ type, externalIPs }: ServiceSpec): boolean =>
  type === 'NodePort' || type === 'LoadBalancer' || (type === 'ClusterIP' && (externalIPs?.length ?? 0) > 0);

export const needsHealthCheckPort = ({ type, externalTrafficPolicy }: ServiceSpec): boolean =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local';

export const isSame = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  (a ?? []).join() === (b ?? []).join();

/** Node ports of a Service, each once. */
export const nodePortsOf = ({ ports }: ServiceSpec): number[] => [
  ...new Set((ports ?? []).flatMap(({ nodePort }) => nodePort || [])),
];
