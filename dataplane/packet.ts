import { parseAddress } from '../api/address.ts';

/** The first packet of a connection, as it meets the node. */
export interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  /** Default `tcp`. */
  readonly protocol?: string;
  /** Where it came in; matters only to rules that name an interface. */
  readonly interface?: string;
  /** Whether that is a port of a bridge (`-m physdev --physdev-is-in`). Default: no. */
  readonly bridged?: boolean;
  /** Addresses of the node itself, besides loopback. */
  readonly nodeIps: readonly string[];
}

/** One thing that may happen to a packet. */
export interface Outcome {
  /** Share of such packets, 0 to 1. */
  readonly probability: number;
  readonly verdict: 'accept' | 'drop' | 'reject';
  /** Where it goes, `ip:port`; what it was sent to unless a rule translated it. */
  readonly to: string;
  /** Whether the receiver sees an address of the node instead of the client's. */
  readonly masqueraded: boolean;
  /** The rules that matched, in order: `nat KUBE-SERVICES -d …`, `services ip daddr …`, `ipvs -t … -r …`. */
  readonly rules: readonly string[];
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  const parsed = parseAddress(address);
  if (!parsed) return false;
  return parsed.family === 'IPv6' ? parsed.value === 1n : parsed.value >> 24n === 127n;
}
