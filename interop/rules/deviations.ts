import { cidrOf, contains, familyOf, joinHostPort } from '../../api/address.ts';
import type { KubeObject } from '../../api/object.ts';
import type { EndpointSlice, Service } from '../../api/types.ts';
import type { KubeProxyConfiguration } from '../../dataplane/configuration.ts';
import { type Flow, nodeAddresses } from './flows.ts';
import type { Ways } from './outcomes.ts';

/**
 * One thing that an older kube-proxy does otherwise, told so that it can be computed: what the older one takes the
 * objects for, or where it sends packets that today's rules lead elsewhere.
 */
export interface Deviation {
  readonly what: string;
  /** Why, with the change upstream that ended it. */
  readonly reason: string;
  /** The first release that does as ours: `1.22`. */
  readonly until: string;
  readonly mode: 'iptables' | 'ipvs' | 'both';
  /** The object as the older release understands it. */
  readonly object?: (object: KubeObject) => KubeObject;
  /** The node's address of this family as the older release knows it. */
  readonly knowsNodeIp?: (family: Flow['family']) => boolean;
  /** Where the older one sends this flow, from where ours sends it; `ask` tells that of another flow, `told` is what both were told. */
  readonly ways?: (flow: Flow, ways: Ways, ask: (flow: Flow) => Ways, told: KubeProxyConfiguration) => Ways;
}

/** Those of `all` between a genuine release (`1.20.2`) and ours that a mode knows. */
export function deviationsOf(
  release: string,
  mode: 'iptables' | 'ipvs',
  all: readonly Deviation[] = deviations,
): Deviation[] {
  return all.filter((one) => (one.mode === mode || one.mode === 'both') && isBefore(release, one.until));
}

function isBefore(release: string, other: string): boolean {
  const number = (text: string) => Number(text.split('.')[1] ?? 0);
  return number(release) < number(other);
}

const onServices = (change: (service: Service) => Service) => (object: KubeObject) =>
  object.kind === 'Service' ? change(object as Service) : object;

const onEndpoints =
  (change: (endpoints: NonNullable<EndpointSlice['endpoints']>) => EndpointSlice['endpoints'] & object) =>
  (object: KubeObject): KubeObject => {
    if (object.kind !== 'EndpointSlice') return object;
    const slice = object as EndpointSlice;
    return { ...slice, endpoints: change(slice.endpoints ?? []) } as EndpointSlice;
  };

export const untouched = ({ destination, port }: Flow, masquerade = false): Ways =>
  new Map([[`${joinHostPort(destination, port)}${masquerade ? ' masquerade' : ''}`, 1]]);

export const isLocal = ({ source, nodeIps }: Flow) =>
  nodeIps.includes(source) || source === '127.0.0.1' || source === '::1';

/** Whether node ports answer at an address of the node. */
export function answersAt(address: string, { nodePortAddresses = [] }: KubeProxyConfiguration): boolean {
  const cidrs = nodePortAddresses.map(cidrOf).filter((cidr) => cidr?.family === familyOf(address));
  return cidrs.length === 0 || cidrs.some((cidr) => cidr && contains(cidr, address));
}

/** As releases before 1.29 had it, whose ClusterIPs know no policy for outside. */
const masquerades = ({ service, type }: Flow) =>
  type === 'ClusterIP' || service?.externalPolicyLocal !== true;

export const deviations: readonly Deviation[] = [
  {
    what: 'endpoints that terminate serve where no other does',
    reason:
      'KEP-1669 (ProxyTerminatingEndpoints, alpha in 1.22, on from 1.26): before, an endpoint that is not ready has no rules',
    until: '1.26',
    mode: 'both',
    object: onEndpoints((endpoints) => endpoints.filter(({ conditions }) => conditions?.ready !== false)),
  },
  {
    what: 'internalTrafficPolicy',
    reason:
      'KEP-2086 (ServiceInternalTrafficPolicy, alpha in 1.21, on from 1.22): 1.20 does not know the field',
    until: '1.22',
    mode: 'both',
    object: onServices(({ spec, ...service }) => {
      const { internalTrafficPolicy: _, ...rest } = spec ?? {};
      return { ...service, spec: rest };
    }),
  },
  {
    what: 'topology hints of EndpointSlices',
    reason:
      'KEP-2433 (TopologyAwareHints, alpha in 1.21, on from 1.24; without an annotation of the Service since 1.31): 1.20 does not know the field',
    until: '1.31',
    mode: 'both',
    object: onEndpoints((endpoints) => endpoints.map(({ hints: _, ...endpoint }) => endpoint)),
  },
  {
    what: 'ipMode of load balancer addresses',
    reason:
      'KEP-1860 (LoadBalancerIPMode, alpha in 1.29, on from 1.30): before, every address is one of mode VIP',
    until: '1.30',
    mode: 'both',
    object: onServices((service) => {
      const ingress = (service.status?.loadBalancer?.ingress ?? []).map(({ ipMode: _, ...one }) => one);
      return { ...service, status: { ...service.status, loadBalancer: { ingress } } };
    }),
  },
  {
    what: 'externalTrafficPolicy of a Service of type ClusterIP with externalIPs',
    reason:
      'kubernetes#119150: before, externalTrafficPolicy is for types NodePort and LoadBalancer alone (RequestsOnlyLocalTraffic of pkg/api/v1/service)',
    until: '1.29',
    mode: 'both',
    object: onServices(({ spec = {}, ...service }) => {
      const { externalTrafficPolicy: _, ...rest } = spec;
      return { ...service, spec: spec.type === 'ClusterIP' ? rest : spec };
    }),
  },
  {
    what: 'the node IP of the other family in dual-stack mode',
    reason:
      'nodeIPTuple of cmd/kube-proxy/app/server_others.go: 1.20 knows the family of --bind-address alone and takes ::1 for the other, so that a loadBalancerSourceRange with the node in it lets the load balancer IP in for one family only',
    until: '1.27',
    mode: 'both',
    knowsNodeIp: (family) => family === 'IPv4',
  },
  {
    what: 'externalIPs from bridged pods and from the node itself',
    reason:
      'kubernetes#96296 (1.21): before, packets of a bridge or of the node to an externalIP that is no local address were marked for masquerading, but not translated',
    until: '1.21',
    mode: 'iptables',
    ways(flow, ways) {
      if (flow.door !== 'externalIP' || !(flow.bridged || isLocal(flow)) || ways.has('reject')) return ways;
      // Without an endpoint only what comes in or is forwarded is refused.
      const [way] = ways.keys();
      if (way === joinHostPort(flow.destination, flow.port)) return ways;
      return untouched(flow, masquerades(flow));
    },
  },
  {
    what: 'what is to be dropped, where it is forwarded',
    reason:
      'kubernetes#110289 (1.25): before, kube-proxy marked it in nat (KUBE-MARK-DROP), and the KUBE-FIREWALL of the kubelet, which drops what is marked, stands in INPUT and OUTPUT but not in FORWARD',
    until: '1.25',
    mode: 'iptables',
    ways(flow, ways) {
      const forwarded = flow.door === 'loadBalancerIP' || flow.door === 'externalIP';
      if (!ways.has('drop') || !forwarded || isLocal(flow)) return ways;
      return untouched(flow, masquerades(flow));
    },
  },
  {
    what: 'what is to be dropped at node ports that nodeport-addresses leave out',
    reason:
      'kubernetes#110289 (1.25): before, only what came to a node port by one of nodeport-addresses was marked; today filter drops at every local address (--dst-type LOCAL) where externalTrafficPolicy is Local and the node has no endpoint',
    until: '1.25',
    mode: 'iptables',
    ways: (flow, ways, _, told) =>
      flow.door.startsWith('nodePort on') && ways.has('drop') && !answersAt(flow.destination, told)
        ? untouched(flow)
        : ways,
  },
  {
    what: 'node ports at ::1',
    reason:
      'kubernetes#90236, #108250 (1.26): packets of ::1 cannot be routed once they are translated; before, ::1 was translated as every local address',
    until: '1.26',
    mode: 'iptables',
    ways(flow, ways, ask, told) {
      if (flow.door !== 'nodePort on loopback' || flow.family !== 'IPv6') return ways;
      if (!answersAt('::1', told)) return ways;
      const [own = ''] = nodeAddresses.IPv6;
      return ask({ ...flow, source: own, destination: own });
    },
  },
];
