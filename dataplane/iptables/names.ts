import type { ServicePort } from '../model/serviceport.ts';
import { sha256 } from './sha256.ts';

/** The chains of one Service port; all end in the same hash. */
export interface ServiceChains {
  /** Picks among the endpoints of policy Cluster. */
  readonly cluster: string;
  /** Picks among the endpoints of policy Local. */
  readonly local: string;
  /** What comes by node port, external or load balancer address. */
  readonly external: string;
  /** loadBalancerSourceRanges. */
  readonly firewall: string;
}

/** `KUBE-SVC-…` and its sisters. Upstream: `portProtoHash` in `pkg/proxy/iptables/proxier.go`. */
export function serviceChains(port: Pick<ServicePort, 'name' | 'protocol'>): ServiceChains {
  const hash = shortHash(port.name + port.protocol.toLowerCase());
  return {
    cluster: `KUBE-SVC-${hash}`,
    local: `KUBE-SVL-${hash}`,
    external: `KUBE-EXT-${hash}`,
    firewall: `KUBE-FW-${hash}`,
  };
}

/** `KUBE-SEP-…` of one endpoint of one Service port; `endpoint` is `ip:port`. */
export function endpointChain(port: Pick<ServicePort, 'name' | 'protocol'>, endpoint: string): string {
  return `KUBE-SEP-${shortHash(port.name + port.protocol.toLowerCase() + endpoint)}`;
}

/** Chains that belong to Services, and so go when nothing wants them any more. */
export function isServiceChain(chain: string): boolean {
  return /^KUBE-(SVC|SVL|EXT|FW|SEP|XLB)-/.test(chain);
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The first 16 characters of base32 (RFC 4648) of SHA-256: 80 bits. */
function shortHash(text: string): string {
  const words = sha256(text);
  const octet = (i: number) => ((words[i >> 2] ?? 0) >>> (24 - 8 * (i & 3))) & 255;
  let out = '';
  for (let bit = 0; bit < 80; bit += 5) {
    const at = bit >> 3;
    const pair = (octet(at) << 8) | octet(at + 1);
    out += alphabet[(pair >> (11 - (bit & 7))) & 31];
  }
  return out;
}
