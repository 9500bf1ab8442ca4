import type { Family } from '../../api/address.ts';
import { pods, remotePods } from './topology.ts';

/** Who may ask: pods of both nodes, the nodes themselves, and somebody outside the cluster. */
export type Place = Pod | 'client' | 'client2' | 'node' | 'node2' | 'outside';
/** Who may answer: `pod4` is on the second node. */
export type Pod = 'pod1' | 'pod2' | 'pod3' | 'pod4';

/** Where the agent acts for somebody; undefined is the first node. */
export const netnsOf = (place: Place): string | undefined => (place === 'node' ? undefined : place);

/** Everybody's address, as `topology.ts` lays them. */
export function addressOf(place: Place, family: Family): string {
  const four = family === 'IPv4';
  if (place === 'outside') return four ? '172.18.255.254' : 'fd00:172::fffe';
  if (place === 'node' || place === 'node2') {
    const host = place === 'node' ? 3 : 4;
    return four ? `172.18.0.${host}` : `fd00:172::${host}`;
  }
  const [node, host] =
    place in remotePods
      ? [2, remotePods[place as keyof typeof remotePods]]
      : [1, pods[place as keyof typeof pods]];
  return four ? `10.244.${node}.${host}` : `fd00:244:${node}::${host}`;
}

/** A node's address on the bridge of its pods. */
export const bridgeOf = (node: 'node' | 'node2', family: Family): string => {
  const number = node === 'node' ? 1 : 2;
  return family === 'IPv4' ? `10.244.${number}.1` : `fd00:244:${number}::1`;
};

/** Whom a pod sees when a node has masqueraded a client: the address that the node has on the way to it. */
export function nodeSeenBy(pod: Pod, node: 'node' | 'node2', family: Family): string {
  const local = (pod === 'pod4') === (node === 'node2');
  return local ? bridgeOf(node, family) : addressOf(node, family);
}

/** Addresses and ports of the Service with this number. `outside` sends them to the first node. */
export const clusterIP = (number: number, family: Family) =>
  family === 'IPv4' ? `10.96.0.${number}` : `fd00:96::${number}`;
export const vip = (number: number, family: Family) =>
  family === 'IPv4' ? `198.51.100.${number}` : `fd00:198::${number}`;
export const externalIP = (number: number, family: Family) => vip(number + 100, family);
export const nodePort = (number: number) => 30_000 + number;

/** The ways into a Service. */
export type Door =
  | 'clusterIP'
  | 'nodePort'
  | 'nodePort of node2'
  | 'nodePort on the bridge'
  | 'localhost'
  | 'vip'
  | 'externalIP';

/** What one connects to, and the node whose rules see it: that of the client, or the one it is addressed or routed to. */
export function doorOf(
  door: Door,
  number: number,
  from: Place,
  family: Family,
): { address: string; port: number; node: 'node' | 'node2' } {
  const own = from in remotePods || from === 'node2' ? 'node2' : 'node';
  const ported = (address: string, node: 'node' | 'node2') => ({ address, port: nodePort(number), node });
  switch (door) {
    case 'clusterIP':
      return { address: clusterIP(number, family), port: 80, node: own };
    case 'vip':
      return { address: vip(number, family), port: 80, node: own };
    case 'externalIP':
      return { address: externalIP(number, family), port: 80, node: own };
    case 'nodePort':
      return ported(addressOf('node', family), 'node');
    case 'nodePort of node2':
      return ported(addressOf('node2', family), 'node2');
    case 'nodePort on the bridge':
      return ported(bridgeOf('node', family), 'node');
    case 'localhost':
      return ported(family === 'IPv4' ? '127.0.0.1' : '::1', own);
  }
}
