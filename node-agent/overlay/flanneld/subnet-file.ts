import { addressAt, parseCidr } from '../../../api/address.ts';

/** What a node's flanneld tells the plugin that attaches pods: `/run/flannel/subnet.env`. */
export interface SubnetFile {
  clusterCidrs: readonly string[];
  podCidrs: readonly string[];
  /** Of pods. */
  mtu: number;
  ipMasq: boolean;
}

/** Where it is on a node. */
export const subnetFile = '/run/flannel/subnet.env';

/** Its text. Upstream: flannel `pkg/subnet/subnet.go`, WriteSubnetFile. */
export function subnetText({ clusterCidrs, podCidrs, mtu, ipMasq }: SubnetFile): string {
  const lines = clusterCidrs.flatMap((clusterCidr) => {
    const { family } = parseCidr(clusterCidr);
    const podCidr = podCidrs.map(parseCidr).find((cidr) => cidr.family === family);
    if (!podCidr) return [];
    const prefix = family === 'IPv6' ? 'FLANNEL_IPV6' : 'FLANNEL';
    return [`${prefix}_NETWORK=${clusterCidr}`, `${prefix}_SUBNET=${addressAt(podCidr, 1)}/${podCidr.bits}`];
  });
  return `${[...lines, `FLANNEL_MTU=${mtu}`, `FLANNEL_IPMASQ=${ipMasq}`].join('\n')}\n`;
}

/** The MTU that such a text names; undefined where it names none. */
export function mtuIn(text: string): number | undefined {
  const found = /^FLANNEL_MTU=(\d+)$/m.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
