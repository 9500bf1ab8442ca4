import type { Family } from '../../api/address.ts';
import type { EndpointSlice, Service, ServiceSpec } from '../../api/types.ts';
import type { Kernel } from '../../kernel/run.ts';
import {
  type KubeProxyConfiguration,
  type NftablesLayout,
  type ProxyConfiguration,
  proxyConfiguration,
} from '../configuration.ts';
import type { Dataplane, SyncResult } from '../dataplane.ts';
import { zoneLabel } from '../model/topology.ts';
import { type NodeFacts, nodeFacts } from '../node.ts';
import { createStack, forgetStaleFlows, type Stack, syncStack } from '../stack.ts';
import { type EndpointOptions, node, service, slice } from './objects.ts';
import { addressOf, clusterIP, externalIP, nodePort, type Pod, vip } from './places.ts';
import type { TestNode } from './sandbox.ts';

/** How to make the dataplane under test. */
export type CreateDataplane = (options: {
  kernel: Kernel;
  family: Family;
  configuration: ProxyConfiguration;
}) => Dataplane;

/** An endpoint: a pod, on its node, ready unless it says otherwise. */
export type At = Pod | ({ pod: Pod } & Omit<EndpointOptions, 'ip' | 'node'>);

/** A Service as the suite writes it: its addresses follow from `number`, its node port is there when its type has one. */
export interface Exposed {
  readonly number: number;
  readonly spec?: ServiceSpec;
  readonly labels?: Record<string, string>;
  /** Each list is an EndpointSlice. */
  readonly endpoints: readonly (readonly At[])[];
  /** Whether the load balancer has an address of its own, and how it delivers. */
  readonly balanced?: 'VIP' | 'Proxy';
  readonly ports?: readonly {
    name: string;
    port: number;
    protocol: string;
    target?: number;
    nodePort?: number;
  }[];
}

/** One dataplane on each of two nodes, or on the first one `alone`, in one address family, told of the same Services. */
export interface World {
  readonly family: Family;
  readonly lab: TestNode;
  readonly first: WorldNode;
  /** Adds a Service, or replaces the one of that number. Reaches the kernel with {@link sync}. */
  expose(exposed: Exposed): void;
  remove(number: number): void;
  /** What it wrote on the first node. */
  sync(): Promise<SyncResult>;
  /** New processes: they know nothing but what stands, and are told of everything again. */
  restart(): void;
  cleanup(): Promise<void>;
}

export interface WorldNode {
  readonly kernel: Kernel;
  readonly facts: NodeFacts;
  stack: Stack;
}

/** Fields of a KubeProxyConfiguration, and what the modes have fields of their own for. */
export interface SuiteConfiguration extends KubeProxyConfiguration {
  layout?: NftablesLayout;
  masqueradeAll?: boolean;
}

/** The configuration under test: pods' addresses of both families, and what a test adds. */
export function suiteConfiguration({
  layout,
  masqueradeAll = false,
  ...more
}: SuiteConfiguration): ProxyConfiguration {
  return proxyConfiguration({
    clusterCIDR: '10.244.0.0/16,fd00:244::/32',
    // Less than any session affinity: it lasts as long as the last of its connections.
    ipvs: { udpTimeout: '1s' },
    iptables: { masqueradeAll },
    nftables: { masqueradeAll, ...(layout ? { layout } : {}) },
    ...more,
  });
}

export function createWorld(
  lab: TestNode,
  family: Family,
  configuration: ProxyConfiguration,
  create: CreateDataplane,
  { alone = false } = {},
): World {
  const objects = new Map<number, { service: Service; slices: EndpointSlice[] }>();
  const start = (name: string, kernel: Kernel) =>
    createStack(family, name, create({ kernel, family, configuration }));
  const nodes: WorldNode[] = [
    { kernel: lab.kernel, facts: factsOf('node'), stack: start('worker', lab.kernel) },
    ...(alone
      ? []
      : [
          {
            kernel: lab.inside('node2'),
            facts: factsOf('node2'),
            stack: start('worker2', lab.inside('node2')),
          },
        ]),
  ];
  const [first] = nodes as [WorldNode];
  const key = (number: number) => `ns/s${number}`;

  function tell(
    { stack }: WorldNode,
    number: number,
    told: { service: Service; slices: EndpointSlice[] } | undefined,
  ) {
    stack.model.setService(key(number), told?.service);
    // Room for as many slices as any Service here has.
    for (const i of [0, 1, 2]) stack.model.setSlice(`${key(number)}-${i}`, told?.slices[i]);
  }

  return {
    family,
    lab,
    first,
    expose(exposed) {
      const told = objectsOf(family, exposed);
      objects.set(exposed.number, told);
      for (const one of nodes) tell(one, exposed.number, told);
    },
    remove(number) {
      objects.delete(number);
      for (const one of nodes) tell(one, number, undefined);
    },
    async sync() {
      const [written] = await Promise.all(
        nodes.map(async ({ stack, facts, kernel }) => {
          const { result, mayBeStale } = await syncStack(stack, facts);
          if (mayBeStale) await forgetStaleFlows(kernel, stack);
          return result;
        }),
      );
      if (!written) throw new Error('no node');
      return written;
    },
    restart() {
      for (const one of nodes) {
        one.stack = start(one.facts.name, one.kernel);
        for (const [number, told] of objects) tell(one, number, told);
      }
    },
    async cleanup() {
      await Promise.all(nodes.map(({ stack }) => stack.dataplane.cleanup()));
    },
  };
}

function factsOf(place: 'node' | 'node2'): NodeFacts {
  const [name, zone, number] = place === 'node' ? ['worker', 'a', 1] : ['worker2', 'b', 2];
  const ips = [addressOf(place, 'IPv4'), addressOf(place, 'IPv6')];
  const podCIDRs = [`10.244.${number}.0/24`, `fd00:244:${number}::/64`];
  const localAddresses = ['127.0.0.1', '::1', ...ips, `10.244.${number}.1`, `fd00:244:${number}::1`];
  return {
    ...nodeFacts(name, node(name, ips, { [zoneLabel]: zone }, podCIDRs), { localAddresses }),
    serviceCIDRs: ['10.96.0.0/16', 'fd00:96::/112'],
  };
}

/** The same port of all protocols, unless the Service says otherwise. */
const everyProtocol = ['TCP', 'UDP', 'SCTP'].map((protocol) => ({
  name: protocol.toLowerCase(),
  port: 80,
  protocol,
}));

function objectsOf(
  family: Family,
  { number, spec = {}, labels = {}, endpoints, balanced, ports = everyProtocol }: Exposed,
): { service: Service; slices: EndpointSlice[] } {
  const key = `ns/s${number}`;
  const hasNodePort = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  const made = service(
    key,
    {
      clusterIP: clusterIP(number, family),
      ...spec,
      ...(spec.externalIPs ? { externalIPs: [externalIP(number, family)] } : {}),
      ports: ports.map(({ name, port, protocol, nodePort: own = nodePort(number) }) => ({
        ...{ name, port, protocol },
        ...(hasNodePort ? { nodePort: own } : {}),
      })),
    },
    { labels },
  );
  if (balanced) made.status = { loadBalancer: { ingress: [{ ip: vip(number, family), ipMode: balanced }] } };
  const slices = endpoints.map((list, i) =>
    slice(
      key,
      list.map((at) => endpointOf(at, family)),
      {
        suffix: String(i),
        addressType: family,
        ports: ports.map(({ name, protocol, target = 9376 }) => ({ name, port: target, protocol })),
      },
    ),
  );
  return { service: made, slices };
}

function endpointOf(at: At, family: Family): EndpointOptions {
  const { pod, ...rest } = typeof at === 'string' ? { pod: at } : at;
  return { ip: addressOf(pod, family), node: pod === 'pod4' ? 'worker2' : 'worker', ...rest };
}
