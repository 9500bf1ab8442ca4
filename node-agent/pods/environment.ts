import { joinHostPort } from '../../api/address.ts';
import type { Pod, Service } from '../../api/types.ts';

/**
 * Docker-style variables for Services: `WEB_SERVICE_HOST`, `WEB_PORT_80_TCP_ADDR` …, for all with a
 * ClusterIP in the pod's namespace, and always for `kubernetes` of `default`. Upstream:
 * `pkg/kubelet/envvars`.
 */
export function serviceEnvironment(pod: Pod, services: Iterable<Service>): Record<string, string> {
  const links = pod.spec?.enableServiceLinks ?? true;
  const environment: Record<string, string> = {};
  for (const service of services) {
    const { name = '', namespace } = service.metadata ?? {};
    const isApi = namespace === 'default' && name === 'kubernetes';
    const host = service.spec?.clusterIP;
    if (!host || host === 'None') continue;
    if (!isApi && !(links && namespace === pod.metadata?.namespace)) continue;
    Object.assign(environment, oneService(name, host, service.spec?.ports ?? []));
  }
  return environment;
}

function oneService(
  name: string,
  host: string,
  ports: readonly { name?: string; port: number; protocol?: string }[],
): Record<string, string> {
  const [first] = ports;
  if (!first) return {};
  const prefix = name.toUpperCase().replaceAll('-', '_');
  const url = (port: typeof first) =>
    `${(port.protocol ?? 'TCP').toLowerCase()}://${joinHostPort(host, port.port)}`;
  const environment: Record<string, string> = {
    [`${prefix}_SERVICE_HOST`]: host,
    [`${prefix}_SERVICE_PORT`]: String(first.port),
    [`${prefix}_PORT`]: url(first),
  };
  for (const port of ports) {
    const protocol = port.protocol ?? 'TCP';
    const one = `${prefix}_PORT_${port.port}_${protocol}`;
    if (port.name)
      environment[`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`] = String(
        port.port,
      );
    environment[one] = url(port);
    environment[`${one}_PROTO`] = protocol.toLowerCase();
    environment[`${one}_PORT`] = String(port.port);
    environment[`${one}_ADDR`] = host;
  }
  return environment;
}

/**
 * Replaces `$(NAME)` by what `lookup` knows; unknown references stay, `$$` is a dollar sign.
 * Upstream: `third_party/forked/golang/expansion`.
 */
export function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$|\(([^)]*)\))/g, (whole, what: string, name: string | undefined) =>
    what === '$' ? '$' : (values[name ?? ''] ?? whole),
  );
}

/** What the downward API needs beyond the object itself. */
export interface PodPlace {
  nodeName: string;
  hostIps: readonly string[];
  podIps: readonly string[];
  /** Folder that stands for the node's own part of a host's file system. */
  hostDir: string;
  /** Folders of the machine that no pod sees. */
  hidden?: readonly string[];
}

/** The value of a downward API `fieldPath`; undefined for a path that does not exist. */
export function fieldValue(pod: Pod, path: string, place: PodPlace): string | undefined {
  const { metadata = {}, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path);
  if (keyed) return metadata[keyed[1] === 'labels' ? 'labels' : 'annotations']?.[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'spec.nodeName':
      return place.nodeName;
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? '';
    case 'status.hostIP':
      return place.hostIps[0] ?? '';
    case 'status.hostIPs':
      return place.hostIps.join(',');
    case 'status.podIP':
      return place.podIps[0] ?? '';
    case 'status.podIPs':
      return place.podIps.join(',');
    default:
      return undefined;
  }
}

/** `key="value"` lines in order of their keys, as the downward API writes maps. */
function formatMap(map: Record<string, string> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}
