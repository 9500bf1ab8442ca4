/** An Ethernet frame that carries VXLAN, taken apart: the way of flannel's packets between nodes. */
export interface VxlanFrame {
  /** From node to node. */
  outer: { macs: Pair; ips: Pair; port: number };
  vni: number;
  /** From device to device, and from pod to pod. */
  inner: { macs: Pair; ips: Pair; protocol: number; ttl: number };
  /** How many bytes the way between nodes has added. */
  added: number;
}

/** Where from, where to. */
export interface Pair {
  from: string;
  to: string;
}

const udp = 17;

/** Length of an Ethernet header and of VXLAN's (RFC 7348). */
const [ethernetLength, udpLength, vxlanLength] = [14, 8, 8];

/**
 * Reads a frame, IPv4 within VXLAN within IPv4, from its bytes in hexadecimal. Throws an Error that says what it
 * is not.
 */
export function readFrame(hex: string): VxlanFrame {
  const bytes = Buffer.from(hex, 'hex');
  const outer = readPacket(bytes);
  if (outer.protocol !== udp) throw new Error(`IP protocol ${outer.protocol} is not UDP: ${hex}`);
  const vxlan = outer.payload + udpLength;
  if (((bytes[vxlan] ?? 0) & 0x08) === 0) throw new Error(`no VNI in the header at ${vxlan}: ${hex}`);
  const added = vxlan + vxlanLength;
  const { payload, ...inner } = readPacket(bytes.subarray(added));
  return {
    outer: { macs: outer.macs, ips: outer.ips, port: bytes.readUInt16BE(outer.payload + 2) },
    vni: bytes.readUIntBE(vxlan + 4, 3),
    inner,
    added,
  };
}

function readPacket(frame: Buffer): {
  macs: Pair;
  ips: Pair;
  protocol: number;
  ttl: number;
  payload: number;
} {
  const type = frame.readUInt16BE(12);
  if (type !== 0x0800)
    throw new Error(`EtherType 0x${type.toString(16)} is not IPv4: ${frame.toString('hex')}`);
  const packet = frame.subarray(ethernetLength);
  const ip = (at: number) => [...packet.subarray(at, at + 4)].join('.');
  const mac = (at: number) =>
    frame
      .toString('hex', at, at + 6)
      .match(/../g)
      ?.join(':') ?? '';
  return {
    macs: { from: mac(6), to: mac(0) },
    ips: { from: ip(12), to: ip(16) },
    protocol: packet.readUInt8(9),
    ttl: packet.readUInt8(8),
    payload: ethernetLength + (packet.readUInt8(0) & 15) * 4,
  };
}

/** One line a layer, outermost first, as tcpdump would say it. */
export function describeFrame({ outer, vni, inner, added }: VxlanFrame): string {
  const way = ({ from, to }: Pair) => `${from} > ${to}`;
  return [
    `Ethernet  ${way(outer.macs)}`,
    `IP        ${way(outer.ips)}`,
    `UDP       port ${outer.port}`,
    `VXLAN     vni ${vni}, ${added} bytes so far`,
    `Ethernet  ${way(inner.macs)}`,
    `IP        ${way(inner.ips)}, protocol ${inner.protocol}${inner.protocol === 1 ? ' (ICMP)' : ''}, ttl ${inner.ttl}`,
  ].join('\n');
}
