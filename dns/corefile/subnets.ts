import { BlockList, isIP, isIPv4 } from 'node:net';

/** A set of addresses that networks hold. */
export interface Subnets {
  has(address: string): boolean;
}

/** The addresses of CIDRs and single addresses; undefined for text that is neither, with `bad` being told which. */
export function createSubnets(nets: readonly string[], bad: (net: string) => Error): Subnets {
  const list = new BlockList();
  for (const net of nets) {
    const [address = '', bits] = net.split('/');
    const most = isIPv4(address) ? 32 : 128;
    const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (!isIP(address) || address.includes('%') || !(length <= most)) throw bad(net);
    list.addSubnet(address, length, isIPv4(address) ? 'ipv4' : 'ipv6');
  }
  return { has: (address) => list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6') };
}

/** A client's address as it is compared: IPv4 as such even where the socket is an IPv6 one, no scope. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '').split('%')[0] ?? '';
}
