import { traceTables } from '../iptables/trace.ts';
import type { State, Tables } from '../iptables/walk.ts';
import type { Protocol } from '../model/serviceport.ts';
import type { Outcome, Packet } from '../packet.ts';
import { addressOf, type Servers, serverKey, type VirtualServer } from './servers.ts';
import { type Sets, setName } from './sets.ts';

/** What a packet meets where IPVS balances: rules, the sets they look into, and virtual servers. */
export interface IpvsRules {
  readonly tables: Omit<Tables, 'sets'>;
  readonly sets: Sets;
  readonly servers: Servers;
}

/**
 * Where a packet would go, from rules, sets and virtual servers alone. Nobody is connected yet: schedulers that
 * count connections or hash addresses choose any real server, those that know weights by weight. The addresses of
 * kube-ipvs0 are those of the sets KUBE-IPVS-IPS, or, without these, those of the virtual servers.
 */
export function traceIpvs({ tables, sets, servers }: IpvsRules, packet: Packet): Outcome[] {
  const bound = [setName('KUBE-IPVS-IPS', 'IPv4'), setName('KUBE-IPVS-IPS', 'IPv6')];
  const addresses = new Set(bound.flatMap((name) => [...(sets.get(name)?.keys() ?? [])]));
  if (addresses.size === 0) for (const key of servers.keys()) addresses.add(addressOf(key));
  return traceTables({ ...tables, sets: (name) => sets.get(name) }, packet, {
    addresses: (address) => addresses.has(address),
    balance(state) {
      const key = serverKey(state.protocol.toUpperCase() as Protocol, state.destination, state.port);
      const server = servers.get(key);
      return server && waysOf(key, server, state);
    },
  });
}

/** One way for each real server that takes new connections. */
function waysOf(key: string, { options, reals }: VirtualServer, state: State): State[] {
  const open = [...reals].filter(([, weight]) => weight > 0);
  const weigh = /-s (wrr|wlc|sed|nq|mh|sh)\b/.test(options) ? (weight: number) => weight : () => 1;
  const sum = open.reduce((total, [, weight]) => total + weigh(weight), 0);
  return open.map(([real, weight]) => {
    const cut = real.lastIndexOf(':');
    return {
      ...state,
      weight: (state.weight * weigh(weight)) / sum,
      virtual: { address: state.destination, port: state.port },
      destination: real.slice(0, cut).replace(/^\[|\]$/g, ''),
      port: Number(real.slice(cut + 1)),
      path: [...state.path, `ipvs ${key} -r ${real}`],
    };
  });
}
