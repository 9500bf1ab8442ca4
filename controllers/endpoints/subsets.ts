import type { CoreEndpointPort, EndpointAddress, EndpointSubset } from '../../api/types.ts';
import { canonicalJson } from '../lookup.ts';

/** One address that serves some ports, ready or not. */
export interface EndpointEntry {
  address: EndpointAddress;
  ready: boolean;
  ports: CoreEndpointPort[];
}

/**
 * Packs addresses into the fewest subsets that each say "all of these addresses serve all of these
 * ports": an address stands once for every set of ports it shares with others. Order is canonical, so
 * that equal endpoints are equal objects. Upstream: `RepackSubsets` in `pkg/api/v1/endpoints/util.go`
 * (which orders by MD5 of Go structs, this by address).
 */
export function packSubsets(entries: readonly EndpointEntry[]): EndpointSubset[] {
  // Ports of each address; an address is ready when any of its entries says so.
  const byAddress = new Map<
    string,
    { address: EndpointAddress; ready: boolean; ports: Map<string, CoreEndpointPort> }
  >();
  for (const { address, ready, ports } of entries) {
    const key = `${address.ip}/${address.targetRef?.uid ?? ''}`;
    const known = byAddress.get(key) ?? { address, ready, ports: new Map<string, CoreEndpointPort>() };
    known.ready ||= ready;
    for (const port of ports) known.ports.set(canonicalJson(port), port);
    byAddress.set(key, known);
  }

  // Addresses that serve the same port, ports that are served by the same addresses.
  const byPort = new Map<string, { port: CoreEndpointPort | undefined; addresses: string[] }>();
  for (const [key, { ports }] of byAddress) {
    const served: [string, CoreEndpointPort | undefined][] = ports.size > 0 ? [...ports] : [['', undefined]];
    for (const [id, port] of served) {
      const known = byPort.get(id) ?? { port, addresses: [] };
      known.addresses.push(key);
      byPort.set(id, known);
    }
  }
  const bySet = new Map<string, { addresses: string[]; ports: CoreEndpointPort[] }>();
  for (const { port, addresses } of byPort.values()) {
    const id = addresses.sort().join();
    const known = bySet.get(id) ?? { addresses, ports: [] };
    if (port) known.ports.push(port);
    bySet.set(id, known);
  }

  const subsets = [...bySet.values()].map(({ addresses, ports }): EndpointSubset => {
    const members = addresses.flatMap((key) => byAddress.get(key) ?? []);
    const ready = sorted(members.filter((member) => member.ready));
    const notReady = sorted(members.filter((member) => !member.ready));
    return {
      ...(ready.length > 0 ? { addresses: ready } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
      ...(ports.length > 0
        ? { ports: ports.sort(comparing(({ name, port }) => `${name ?? ''}/${port}`)) }
        : {}),
    };
  });
  return subsets.sort(comparing(canonicalJson));
}

/** An Endpoints object holds at most so many addresses. */
export const capacity = 1000;

/** Cuts subsets down to `most` addresses, ready ones kept first, each subset in proportion. Upstream: truncateEndpoints. */
export function truncateSubsets(
  subsets: readonly EndpointSubset[],
  most = capacity,
): EndpointSubset[] | undefined {
  const count = (of: 'addresses' | 'notReadyAddresses') =>
    subsets.reduce((total, subset) => total + (subset[of]?.length ?? 0), 0);
  const ready = count('addresses');
  const notReady = count('notReadyAddresses');
  if (ready + notReady <= most) return undefined;
  const keepReady = Math.min(ready, most);
  const keepNotReady = most - keepReady;
  let readyLeft = keepReady;
  let notReadyLeft = keepNotReady;
  return subsets.flatMap((subset): EndpointSubset[] => {
    const take = (list: EndpointAddress[] = [], kept: number, total: number, left: number) =>
      list.slice(0, total === 0 ? 0 : Math.min(left, Math.ceil((list.length * kept) / total)));
    const addresses = take(subset.addresses, keepReady, ready, readyLeft);
    const others = take(subset.notReadyAddresses, keepNotReady, notReady, notReadyLeft);
    readyLeft -= addresses.length;
    notReadyLeft -= others.length;
    if (addresses.length + others.length === 0) return [];
    return [
      {
        ...(addresses.length > 0 ? { addresses } : {}),
        ...(others.length > 0 ? { notReadyAddresses: others } : {}),
        ...(subset.ports ? { ports: subset.ports } : {}),
      },
    ];
  });
}

function sorted(members: readonly { address: EndpointAddress }[]): EndpointAddress[] {
  const key = ({ ip, targetRef }: EndpointAddress) => `${numeric(ip)}/${targetRef?.uid ?? ''}`;
  return members.map(({ address }) => address).sort(comparing(key));
}

/** An address as text that sorts like its bytes. */
function numeric(ip: string): string {
  return ip.includes(':')
    ? ip
    : ip
        .split('.')
        .map((byte) => byte.padStart(3, '0'))
        .join('.');
}

function comparing<T>(key: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}
