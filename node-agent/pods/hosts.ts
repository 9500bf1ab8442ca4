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

const loopback = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

/** A pod's `/etc/hosts`, as kubelet writes it. Upstream: `pkg/kubelet/kubelet_pods.go`. */
export function hostsFile(pod: Pod, ips: readonly string[], clusterDomain: string): string {
  const host = hostnameOf(pod);
  const fqdn = fqdnOf(pod, clusterDomain);
  const names = fqdn === host ? host : `${fqdn}\t${host}`;
  const aliases = pod.spec?.hostAliases ?? [];
  return [
    '# Kubernetes-managed hosts file.\n',
    loopback,
    ...ips.map((ip) => `${ip}\t${names}\n`),
    ...(aliases.length > 0 ? ['\n# Entries added by HostAliases.\n'] : []),
    ...aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}\n`),
  ].join('');
}
