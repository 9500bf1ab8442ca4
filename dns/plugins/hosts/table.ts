import { isIP, isIPv4 } from 'node:net';
import { canonicalAddress } from '../../wire/addresses.ts';
import { fqdn, isSubdomain } from '../../wire/names.ts';

/** What a hosts file says, by name and by address. */
export interface Table {
  /** Addresses of one family, in the order of the file; a name of `*.ZONE` stands for every label below it. */
  addresses(name: string, type: 'A' | 'AAAA'): readonly string[];
  /** Names of an address, fully qualified. */
  names(address: string): readonly string[];
}

/**
 * Reads text in the form of hosts(5): an address, then its names; `#` begins a comment. Lines without an address
 * and names outside `zones` are left out. Upstream: plugin/hosts/hostsfile.go.
 */
export function parseHosts(
  text: string,
  { zones, reverse }: { zones: readonly string[]; reverse: boolean },
): Table {
  const byName = { A: new Map<string, string[]>(), AAAA: new Map<string, string[]>() };
  const byAddress = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = (line.split('#')[0] ?? '').split(/\s+/).filter((word) => word !== '');
    const bare = address.split('%')[0] ?? '';
    if (!isIP(bare)) continue;
    const ip = canonicalAddress(bare);
    for (const text of names) {
      const name = fqdn(text).toLowerCase();
      if (!zones.some((zone) => isSubdomain(zone, name))) continue;
      add(byName[isIPv4(ip) ? 'A' : 'AAAA'], name, ip);
      if (reverse && !name.startsWith('*.')) add(byAddress, ip, name);
    }
  }
  return {
    addresses(name, type) {
      const found = byName[type].get(name);
      if (found) return found;
      const dot = name.indexOf('.');
      return (dot > 0 && byName[type].get(`*${name.slice(dot)}`)) || [];
    },
    names: (address) => byAddress.get(canonicalAddress(address)) ?? [],
  };
}

function add(map: Map<string, string[]>, key: string, value: string): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
