import { createHash } from 'node:crypto';
import type { Endpoint } from '../model/endpoints.ts';
import type { ServicePort } from '../model/serviceport.ts';

/** The chains of one Service port in layout `upstream`; all end in the same hash and name. */
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

type Named = Pick<ServicePort, 'service' | 'portName' | 'protocol'>;

/** `service-ULMVA6XW-ns1/svc1/tcp/p80` and its sisters. Upstream: `servicePortChainNameBase` in `pkg/proxy/nftables/proxier.go`. */
export function serviceChains(port: Named): ServiceChains {
  const base = hashed(plain(port));
  return {
    cluster: `service-${base}`,
    local: `local-${base}`,
    external: `external-${base}`,
    firewall: `firewall-${base}`,
  };
}

/** The chain of one endpoint of one Service port, and the set of clients that stick to it. */
export function endpointNames(
  port: Named,
  { ip, port: number }: Pick<Endpoint, 'ip' | 'port'>,
): { readonly chain: string; readonly affinity: string } {
  const base = hashed(`${plain(port)}__${ip.replaceAll(':', '.')}/${number}`);
  return { chain: `endpoint-${base}`, affinity: `affinity-${base}` };
}

const plain = ({ service, portName, protocol }: Named) => `${service}/${protocol.toLowerCase()}/${portName}`;

/** 256 bytes are a name's limit in nftables; upstream leaves 16 to the prefix. */
const lengthMax = 240;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Eight characters of base32 (RFC 4648) of SHA-256 stand before the name, which may then be cut. */
function hashed(name: string): string {
  const bytes = createHash('sha256').update(name).digest();
  let bits = bytes.readUIntBE(0, 5);
  let hash = '';
  for (let i = 0; i < 8; i++) {
    hash = alphabet[bits % 32] + hash;
    bits = Math.floor(bits / 32);
  }
  const full = `${hash}-${name}`;
  return full.length > lengthMax ? `${full.slice(0, lengthMax - 3)}...` : full;
}
