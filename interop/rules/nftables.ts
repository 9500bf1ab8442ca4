import { contains, joinHostPort } from '../../api/address.ts';
import { answersAt, type Deviation, isLocal, untouched } from './deviations.ts';
import { type Flow, nodeAddresses } from './flows.ts';
import type { Ways } from './outcomes.ts';

/** What is on purpose otherwise in our mode nftables than in our mode iptables, as it is upstream. */
export const nftablesDeviations: readonly Pick<Deviation, 'what' | 'reason' | 'ways'>[] = [
  {
    what: 'node ports at 127.0.0.1 in mode nftables',
    reason:
      'as upstream since its first release: rules for them would need route_localnet, which lets others reach what listens on loopback (pkg/proxy/nftables/README.md, KEP-3866)',
    ways: (flow, ways) => (flow.door === 'nodePort on loopback' ? untouched(flow) : ways),
  },
  {
    what: 'ports and protocols of a clusterIP that no Service has, in mode nftables',
    reason:
      'as upstream: mode nftables rejects them (chain reject-chain), mode iptables lets them go their way (KEP-3866)',
    ways: (flow, ways) =>
      (flow.door === 'another port of the clusterIP' || flow.door === 'another protocol') &&
      ways.has(joinHostPort(flow.destination, flow.port))
        ? new Map([['reject', 1]])
        : ways,
  },
  {
    what: 'clusterIPs of nobody, in mode nftables',
    reason:
      'as upstream: mode nftables drops what is sent to an address of a ServiceCIDR that no Service has (KEP-3866)',
    ways: (flow, ways) => (flow.door === 'a clusterIP of nobody' ? new Map([['drop', 1]]) : ways),
  },
  {
    what: 'what the node itself sends to outer addresses of a Service without endpoints, in mode nftables',
    reason:
      'as upstream: mode nftables looks for Services without endpoints in filter-output too, where mode iptables has KUBE-SERVICES but not KUBE-EXTERNAL-SERVICES',
    ways: (flow, ways, ask) =>
      isOuter(flow) &&
      isLocal(flow) &&
      ways.has(joinHostPort(flow.destination, flow.port)) &&
      isRefused(flow, ask)
        ? new Map([['reject', 1]])
        : ways,
  },
  {
    what: 'node ports without endpoints at addresses that nodeport-addresses leave out, in mode nftables',
    reason:
      'as upstream: mode nftables looks for such node ports at nodeport-ips alone, mode iptables at every local address (--dst-type LOCAL)',
    ways: (flow, ways, _, told) =>
      flow.door.startsWith('nodePort on') && !answersAt(flow.destination, told) ? untouched(flow) : ways,
  },
  {
    what: 'loadBalancerSourceRanges of a Service without endpoints, in mode nftables',
    reason:
      'as upstream: mode nftables drops packets of other sources before it knows of endpoints (firewall-ips), mode iptables has the firewall chain only where there are some, and rejects',
    ways(flow, ways, ask) {
      const { door, service } = flow;
      const ranges = service?.loadBalancerSourceRanges ?? [];
      if (door !== 'loadBalancerIP' || ranges.length === 0 || !isRefused(flow, ask)) return ways;
      const within = (address = '') => ranges.some((cidr) => contains(cidr, address));
      const [nodeIp] = nodeAddresses[flow.family];
      const allowed = within(flow.source) || (flow.source === flow.destination && within(nodeIp));
      return allowed ? ways : new Map([['drop', 1]]);
    },
  },
];

const isOuter = ({ door }: Flow) => door === 'externalIP' || door === 'loadBalancerIP';

/** Whether the Service has no endpoints: then a pod is told so. */
const isRefused = (flow: Flow, ask: (flow: Flow) => Ways) =>
  ask({ ...flow, source: flow.family === 'IPv4' ? '10.244.1.9' : 'fd00:244:1::9' }).has('reject');
