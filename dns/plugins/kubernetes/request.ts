import { labelsOf } from '../../wire/names.ts';

/** What a name below the cluster's zone asks for; empty parts were not in it. */
export interface RecordRequest {
  /** Without its underscore. */
  port: string;
  protocol: string;
  endpoint: string;
  /** The cluster of the endpoint, in zones of several clusters. */
  cluster: string;
  /** The topology zone that endpoints shall be in (`zonal`). */
  topologyZone: string;
  /** All endpoints count when there are none in that zone. */
  prefersZone: boolean;
  service: string;
  namespace: string;
  kind: '' | 'svc' | 'pod';
}

/** What names may look like. */
export interface Shapes {
  /** `ENDPOINT.CLUSTER.SERVICE.NAMESPACE.svc.ZONE`. */
  multicluster: boolean;
  /** `TOPOLOGY-ZONE.pin|prefer._zone.SERVICE.NAMESPACE.svc.ZONE`. */
  zonal: boolean;
}

/**
 * Takes a name (in lower case) apart: `_PORT._PROTOCOL.SERVICE.NAMESPACE.svc.ZONE`,
 * `ENDPOINT.SERVICE.NAMESPACE.svc.ZONE`, `IP.NAMESPACE.pod.ZONE` and every shorter form. Undefined when no name
 * of this shape can exist. Upstream: plugin/kubernetes/parse.go.
 */
export function parseRequest(name: string, zone: string, shapes: Shapes): RecordRequest | undefined {
  const request: RecordRequest = {
    port: '',
    protocol: '',
    endpoint: '',
    cluster: '',
    topologyZone: '',
    prefersZone: false,
    service: '',
    namespace: '',
    kind: '',
  };
  const base =
    name.length > zone.length ? name.slice(0, name.length - zone.length - (zone === '.' ? 0 : 1)) : '';
  const labels = base.startsWith('.') ? base.split('.') : labelsOf(base);
  const kind = labels.pop();
  if (kind === undefined || kind === '') return request;
  if (kind !== 'svc' && kind !== 'pod') return undefined;
  if (labels.length === 0) return request;
  request.kind = kind;
  request.namespace = labels.pop() ?? '';
  request.service = labels.pop() ?? '';
  const [first = '', second] = labels;
  if (labels.length > 2)
    return shapes.zonal && !shapes.multicluster ? inTopologyZone(request, labels) : undefined;
  if (second === undefined) request.endpoint = first;
  else if (shapes.multicluster && !first.startsWith('_') && !second.startsWith('_')) {
    request.endpoint = first;
    request.cluster = second;
  } else {
    request.port = withoutUnderscore(first);
    request.protocol = withoutUnderscore(second);
  }
  return request;
}

/** The values of zone labels may have dots, so they are all that stands before the directive. */
function inTopologyZone(request: RecordRequest, labels: string[]): RecordRequest | undefined {
  const [directive, anchor] = labels.slice(-2);
  if (request.kind !== 'svc' || anchor !== '_zone') return undefined;
  if (directive !== 'pin' && directive !== 'prefer') return undefined;
  return { ...request, topologyZone: labels.slice(0, -2).join('.'), prefersZone: directive === 'prefer' };
}

function withoutUnderscore(label: string): string {
  return label.startsWith('_') ? label.slice(1) : label;
}
