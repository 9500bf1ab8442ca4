import { canonicalAddress, familyOf, parseAddress } from '../api/address.ts';

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

/** The packet with its addresses as rules spell them. Throws a RangeError where one is none, or of another family. */
export function wellFormedPacket(packet: Packet): Packet {
  const { source, destination, port, nodeIps, protocol = 'tcp' } = packet;
  const read = (what: string, text: string) => {
    const address = canonicalAddress(text);
    if (address) return address;
    throw new RangeError(`${what} ${JSON.stringify(text)} of the packet is not an IP address`);
  };
  const ends = { source: read('source', source), destination: read('destination', destination) };
  if (familyOf(ends.source) !== familyOf(ends.destination))
    throw new RangeError(`a packet cannot go from ${source} to ${destination}: they are of two families`);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new RangeError(`port ${port} of the packet is not in the range 1 to 65535`);
  const own = nodeIps.map((ip) => read('node address', ip));
  return { ...packet, ...ends, nodeIps: own, protocol: protocol.toLowerCase() };
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  const parsed = parseAddress(address);
  if (!parsed) return false;
  return parsed.family === 'IPv6' ? parsed.value === 1n : parsed.value >> 24n === 127n;
}
