import { cidrOf, contains } from '../../api/address.ts';
import { type Deviation, isLocal, untouched } from './deviations.ts';
import { type Flow, nodeAddresses } from './flows.ts';
import type { Ways } from './outcomes.ts';

/** What kube-proxy did otherwise in mode ipvs in older releases. */
export const ipvsDeviations: readonly Deviation[] = [
  {
    what: 'ports of Service addresses that no Service has, in mode ipvs',
    reason:
      'kubernetes#108460 (1.26, chain KUBE-IPVS-FILTER): before, whatever listens on the node answered at every address of kube-ipvs0',
    until: '1.26',
    mode: 'ipvs',
    ways: (flow, ways) =>
      (flow.door === 'another port of the clusterIP' || flow.door === 'another protocol') &&
      ways.has('reject')
        ? untouched(flow)
        : ways,
  },
  {
    what: 'node ports on loopback in mode ipvs',
    reason:
      'kubernetes#101023 (1.22): before, there were virtual servers at 127.0.0.1 and ::1, whose packets the kernel could not send on',
    until: '1.22',
    mode: 'ipvs',
    ways(flow, ways, ask) {
      if (flow.door !== 'nodePort on loopback') return ways;
      const [own = ''] = nodeAddresses[flow.family];
      return ask({ ...flow, source: own, destination: own });
    },
  },
  {
    what: 'externalTrafficPolicy Local without an endpoint on the node, in mode ipvs',
    reason:
      'kubernetes#97081 (1.21): since then endpoints of other nodes take their place, so that pods of the node reach them; before, such a virtual server had none and refused everybody',
    until: '1.21',
    mode: 'ipvs',
    ways: (flow, ways) =>
      isOuter(flow) &&
      isLocalPolicy(flow) &&
      [...ways.keys()].every((way) => !isHere(way)) &&
      !ways.has('drop')
        ? new Map([['reject', 1]])
        : ways,
  },
  {
    what: 'masquerading of SCTP node ports with externalTrafficPolicy Local, in mode ipvs',
    reason:
      'kubernetes#104755 (1.23): before, the rule that masquerades stood before the one that does not, for SCTP alone',
    until: '1.23',
    mode: 'ipvs',
    ways: (flow, ways) =>
      flow.protocol === 'sctp' && isNodePort(flow) && isLocalPolicy(flow) ? masqueraded(ways) : ways,
  },
  {
    what: 'what the node sends to a load balancer IP whose source ranges leave it out, in mode ipvs',
    reason:
      'kubernetes#110628 (1.25): before, the rules that mark packets for dropping were those of nat, which see what the node sends by its own address too; today filter looks for the address itself as source',
    until: '1.25',
    mode: 'ipvs',
    ways(flow, ways) {
      const ranges = flow.service?.loadBalancerSourceRanges ?? [];
      if (flow.door !== 'loadBalancerIP' || !isLocal(flow) || ranges.length === 0) return ways;
      // IPVS has told the node of a server without endpoints before filter is asked.
      if (ways.has('reject')) return ways;
      return ranges.some((cidr) => contains(cidr, flow.source)) ? ways : new Map([['drop', 1]]);
    },
  },
  {
    what: 'source ranges that let everybody in, in mode ipvs',
    reason:
      'ipset has no network of length 0 in hash:ip,port,net: before 1.30, 0.0.0.0/0 among loadBalancerSourceRanges made a firewall without that entry; since then it means that there is none',
    until: '1.30',
    mode: 'ipvs',
    ways(flow, ways) {
      const { door, ranges = [], family, source, destination } = flow;
      if (isLocal(flow) && ways.has('reject')) return ways;
      const own = ranges.flatMap((text) => cidrOf(text) ?? []).filter((cidr) => cidr.family === family);
      if (door !== 'loadBalancerIP' || own.every(({ bits }) => bits > 0)) return ways;
      // The node is let in by everybody's range, and with it what comes from the address itself.
      const allowed = own.some((cidr) => cidr.bits > 0 && contains(cidr, source)) || source === destination;
      return allowed ? ways : new Map([['drop', 1]]);
    },
  },
];

const isNodePort = ({ door }: Flow) => door.startsWith('nodePort') && door !== 'nodePort of another node';

const isOuter = (flow: Flow) =>
  flow.door === 'externalIP' || flow.door === 'loadBalancerIP' || isNodePort(flow);

const isLocalPolicy = ({ service, type }: Flow) =>
  type !== 'ClusterIP' && service?.externalPolicyLocal === true;

/** Whether it leads to a pod of the node. */
const isHere = (way: string) => way.startsWith('10.244.1.') || way.startsWith('[fd00:244:1::');

function masqueraded(ways: Ways): Ways {
  return new Map(
    [...ways].map(([way, share]) => [
      way.includes(':') && !way.includes(' ') ? `${way} masquerade` : way,
      share,
    ]),
  );
}
