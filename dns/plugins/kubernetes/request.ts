import { labelsOf } from '../../wire/names.ts';

/** What a name below the cluster's zone asks for; empty parts were not in it. */
export interface RecordRequest {
  /** Without its underscore. */
  port: string;
  protocol: string;
  endpoint: string;
  service: string;
  namespace: string;
  kind: '' | 'svc' | 'pod';
}

/**
 * Takes a name (in lower case) apart: `_PORT._PROTOCOL.SERVICE.NAMESPACE.svc.ZONE`,
 * `ENDPOINT.SERVICE.NAMESPACE.svc.ZONE`, `IP.NAMESPACE.pod.ZONE` and every shorter form. Undefined when no name
 * of this shape can exist. Upstream: plugin/kubernetes/parse.go.
 */
export function parseRequest(name: string, zone: string): RecordRequest | undefined {
  const request: RecordRequest = {
    port: '',
    protocol: '',
    endpoint: '',
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
  if (labels.length > 2) return undefined;
  if (second === undefined) return { ...request, endpoint: first };
  return { ...request, port: withoutUnderscore(first), protocol: withoutUnderscore(second) };
}

function withoutUnderscore(label: string): string {
  return label.startsWith('_') ? label.slice(1) : label;
}
