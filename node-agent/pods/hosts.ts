import type { Pod } from '../../api/types.ts';

/** A pod's host name: `spec.hostname`, or its own name cut to what the kernel takes. */
export function hostnameOf(pod: Pod): string {
  return (pod.spec?.hostname || pod.metadata?.name || '').slice(0, 63).replace(/[-.]+$/, '');
}

/** `host.subdomain.namespace.svc.domain`, or the bare host name of a pod without subdomain. */
export function fqdnOf(pod: Pod, clusterDomain: string): string {
  const { subdomain } = pod.spec ?? {};
  const host = hostnameOf(pod);
  return subdomain ? `${host}.${subdomain}.${pod.metadata?.namespace}.svc.${clusterDomain}` : host;
}

/** The longest host name that the kernel takes. */
const longestHostname = 64;

/**
 * What `hostname` says in a pod: the node's name with hostNetwork, the FQDN with setHostnameAsFQDN.
 *
 * @throws when the FQDN is too long for the kernel
 */
export function kernelHostname(pod: Pod, nodeName: string, clusterDomain: string): string {
  if (pod.spec?.hostNetwork) return nodeName;
  if (!pod.spec?.setHostnameAsFQDN) return hostnameOf(pod);
  const fqdn = fqdnOf(pod, clusterDomain);
  if (fqdn.length <= longestHostname) return fqdn;
  throw new Error(
    `failed to construct FQDN from Pod hostname and cluster domain, FQDN ${fqdn} is too long (${longestHostname} characters is the max, ${fqdn.length} characters requested)`,
  );
}

const loopback = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

/**
 * A pod's `/etc/hosts`, as kubelet writes it: with hostNetwork the node's own, `nodeHosts`, and the aliases. Upstream:
 * `pkg/kubelet/kubelet_pods.go`.
 */
export function hostsFile(
  pod: Pod,
  ips: readonly string[],
  clusterDomain: string,
  nodeHosts: () => string = () => loopback,
): string {
  const host = hostnameOf(pod);
  const fqdn = fqdnOf(pod, clusterDomain);
  const names = fqdn === host ? host : `${fqdn}\t${host}`;
  const aliases = pod.spec?.hostAliases ?? [];
  return [
    ...(pod.spec?.hostNetwork
      ? ['# Kubernetes-managed hosts file (host network).\n', nodeHosts()]
      : ['# Kubernetes-managed hosts file.\n', loopback, ...ips.map((ip) => `${ip}\t${names}\n`)]),
    ...(aliases.length > 0 ? ['\n# Entries added by HostAliases.\n'] : []),
    ...aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}\n`),
  ].join('');
}
