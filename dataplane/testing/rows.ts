import type { Family } from '../../api/address.ts';
import type { Door, Place } from './places.ts';
import type { Exposed } from './world.ts';

/** What becomes of a connection: the pods that answer and whom they see, or nobody. */
export type Outcome =
  | readonly [pods: string, seen: 'own' | 'node' | 'address']
  | readonly ['refused']
  | readonly ['silent'];
/** From whom, to what, and what comes of it; several ports of a door are `door:81`. */
export type Flow = readonly [from: Place, to: Door | `${Door}:${number}`, ...Outcome];

/** A Service and who reaches it. `number`s are given by place in the list. */
export interface Row extends Omit<Exposed, 'number'> {
  readonly name: string;
  readonly flows: readonly Flow[];
}

/**
 * Where modes differ, as kube-proxy's do.
 *
 * @property localhost node ports on 127.0.0.1: iptables only (`--iptables-localhost-nodeports`); nftables and IPVS
 *   leave loopback addresses out, upstream `pkg/proxy/nftables/proxier.go`, `pkg/proxy/ipvs/proxier.go`
 * @property everyAddress node ports on all addresses of the node; nftables has `nodePortAddresses: primary` by default
 * @property otherPort of a ClusterIP: nftables' cluster-ips-check and IPVS's KUBE-IPVS-FILTER refuse, iptables has no rule
 * @property oneServer IPVS has one virtual server at an address, for everybody: with policy Local pods and the node
 *   get this node's endpoints too, unmasqueraded, and where there is none those of other nodes (`syncEndpoint` in
 *   `pkg/proxy/ipvs/proxier.go`); a node's own requests have the server's address as their source
 * @property hashedAffinity layout `flat` over IPv6, which kube-proxy does not have: affinity by a hash of the client's
 *   address, without time-out, as long as the number of endpoints stays
 * @property nodeToNothing the node itself, to an external address of a Service without endpoints: iptables has
 *   KUBE-EXTERNAL-SERVICES in INPUT and FORWARD only, so the packet leaves
 */
export interface Differences {
  readonly nodeToNothing: 'refused' | 'silent';
  readonly localhost: boolean;
  readonly everyAddress: boolean;
  readonly otherPort: 'refused' | 'silent';
  readonly oneServer: boolean;
  readonly hashedAffinity: (family: Family) => boolean;
}
