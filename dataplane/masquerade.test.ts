import type { ServiceSpec } from '../api/types.ts';
import { client, describeFlows, type Flow, type FlowOptions, here, nodeIp, pod } from './testing/flows.ts';
import { service, slice } from './testing/objects.ts';

/**
 * Upstream's `TestInternalExternalMasquerade`: pods, the node and a client outside ask for three Services at each
 * of their addresses, with and without masqueradeAll and a way to tell pods.
 */

type Kind = 'plain' | 'external' | 'internal';
const kinds: Record<Kind, { number: number; loadBalancer: string; spec: ServiceSpec }> = {
  plain: { number: 1, loadBalancer: '1.2.3.4', spec: {} },
  external: { number: 2, loadBalancer: '5.6.7.8', spec: { externalTrafficPolicy: 'Local' } },
  internal: { number: 3, loadBalancer: '9.10.11.12', spec: { internalTrafficPolicy: 'Local' } },
};

const objects = Object.values(kinds).flatMap(({ number, loadBalancer, spec }) => [
  service(
    `ns${number}/svc${number}`,
    {
      ...spec,
      type: 'LoadBalancer',
      clusterIP: `172.30.0.4${number}`,
      healthCheckNodePort: 30000 + number,
      ports: [{ name: 'p80', port: 80, protocol: 'TCP', nodePort: 3000 + number }],
    },
    { loadBalancer: [loadBalancer] },
  ),
  slice(`ns${number}/svc${number}`, [
    { ip: `10.180.0.${number}`, node: here },
    { ip: `10.180.1.${number}`, node: 'remote' },
  ]),
]);

const sources = { pod, node: nodeIp, external: client };
type Who = keyof typeof sources;
type Where = 'ClusterIP' | 'NodePort' | 'LB';

/** Which endpoints, and whether masqueraded: all of `ClusterIP`, `NodePort`, `LB`. */
interface Rules {
  everybodyIsPod?: boolean;
  masqueradeAll?: boolean;
}

function expected(who: Who, where: Where, kind: Kind, { everybodyIsPod, masqueradeAll }: Rules): string {
  const { number } = kinds[kind];
  const all = `10.180.0.${number}:80, 10.180.1.${number}:80`;
  const local = `10.180.0.${number}:80`;
  if (where === 'ClusterIP') {
    const masq = masqueradeAll || (who !== 'pod' && !everybodyIsPod);
    return `${kind === 'internal' ? local : all}${masq ? ' masq' : ''}`;
  }
  if (kind !== 'external') return `${all} masq`;
  if (who === 'node') return `${all} masq`;
  // Without a way to tell pods they are as anybody outside.
  return who === 'pod' && !everybodyIsPod ? all : local;
}

/** No short cut for pods and the node to addresses with policy Local; without a way to tell pods, as IPVS mode has it. */
function expectedIpvs(who: Who, where: Where, kind: Kind, rules: Rules): string {
  const { number } = kinds[kind];
  if (where !== 'ClusterIP' && kind === 'external') return `10.180.0.${number}:80`;
  return expected(who, where, kind, rules);
}

function flows(rules: Rules): Flow[] {
  const all: Flow[] = [];
  for (const kind of Object.keys(kinds) as Kind[])
    for (const who of Object.keys(sources) as Who[])
      for (const where of ['ClusterIP', 'NodePort', 'LB'] as const) {
        const { number, loadBalancer } = kinds[kind];
        const destination = { ClusterIP: `172.30.0.4${number}`, NodePort: nodeIp, LB: loadBalancer }[where];
        all.push([
          `${who} to ${where}, ${kind} policy`,
          sources[who],
          destination,
          where === 'NodePort' ? 3000 + number : 80,
          expected(who, where, kind, rules),
          { ipvs: expectedIpvs(who, where, kind, rules) },
        ]);
      }
  return all;
}

const masqueradeAll: FlowOptions = {
  iptables: { masqueradeAll: true },
  nftables: { masqueradeAll: true },
};
describeFlows('as usual', objects, flows({}));
describeFlows('no way to tell pods', objects, flows({ everybodyIsPod: true }), { clusterCIDR: '' });
describeFlows('masqueradeAll', objects, flows({ masqueradeAll: true }), masqueradeAll);
describeFlows(
  'masqueradeAll and no way to tell pods',
  objects,
  flows({ masqueradeAll: true, everybodyIsPod: true }),
  { ...masqueradeAll, clusterCIDR: '' },
);
