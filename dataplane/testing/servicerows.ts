import type { Family } from '../../api/address.ts';
import type { Differences, Flow, Outcome, Row } from './rows.ts';
import type { At } from './world.ts';

const everywhere: At[] = ['pod1', 'pod4'];
const both = 'pod1 pod4';
const external = { type: 'LoadBalancer', externalIPs: [''] };

/**
 * Packet flows of upstream's `proxier_test.go` (iptables, nftables) and `topology_test.go`, and the features around them.
 * Each holds for TCP, UDP and SCTP on the same port, in both families.
 */
export function serviceRows(
  { localhost, everyAddress, otherPort, nodeToNothing, oneServer }: Differences,
  family: Family,
): Row[] {
  const [inside, own] = oneServer ? (['pod1', 'own'] as const) : ([both, 'node'] as const);
  const address = oneServer ? 'address' : 'node';
  const withoutLocal = (pods: string): Outcome => (oneServer ? [pods, 'own'] : ['silent']);
  return [
    {
      name: 'a ClusterIP',
      endpoints: [everywhere],
      flows: [
        ['client', 'clusterIP', both, 'own'],
        ['client2', 'clusterIP', both, 'own'],
        ['node', 'clusterIP', both, 'node'],
        ['node2', 'clusterIP', both, 'node'],
        ['outside', 'clusterIP', both, 'node'],
        ['client', 'clusterIP:81', otherPort],
        ['node', 'clusterIP:81', otherPort],
      ],
    },
    {
      name: 'a pod that reaches itself sees the node',
      spec: external,
      balanced: 'VIP',
      endpoints: [['pod1']],
      flows: [
        ['pod1', 'clusterIP', 'pod1', 'node'],
        ['pod1', 'vip', 'pod1', 'node'],
        ['pod1', 'externalIP', 'pod1', 'node'],
        ['pod1', 'nodePort', 'pod1', 'node'],
        ['pod2', 'clusterIP', 'pod1', 'own'],
      ],
    },
    {
      name: 'a node port',
      spec: { type: 'NodePort' },
      endpoints: [everywhere],
      flows: [
        ['outside', 'nodePort', both, 'node'],
        ['outside', 'nodePort of node2', both, 'node'],
        ['client', 'nodePort', both, 'node'],
        ['client2', 'nodePort', both, 'node'],
        ['node', 'nodePort', both, 'node'],
        ['node2', 'nodePort', both, 'node'],
        ['client', 'clusterIP', both, 'own'],
        [
          'client',
          'nodePort on the bridge',
          ...(everyAddress ? ([both, 'node'] as const) : (['refused'] as const)),
        ],
      ],
    },
    {
      name: 'an external address and one of a load balancer',
      spec: external,
      balanced: 'VIP',
      endpoints: [everywhere],
      flows: (['vip', 'externalIP'] as const).flatMap((door): Flow[] => [
        ['outside', door, both, 'node'],
        ['client', door, both, 'node'],
        ['client2', door, both, 'node'],
        ['node', door, both, 'node'],
        ['node2', door, both, 'node'],
      ]),
    },
    {
      name: 'a load balancer that proxies has its address for itself',
      spec: { type: 'LoadBalancer' },
      balanced: 'Proxy',
      endpoints: [everywhere],
      flows: [
        ['client', 'vip', 'silent'],
        ['node', 'vip', 'silent'],
        ['outside', 'nodePort', both, 'node'],
      ],
    },
    {
      name: 'externalTrafficPolicy Local',
      spec: { ...external, externalTrafficPolicy: 'Local' },
      balanced: 'VIP',
      endpoints: [everywhere],
      flows: [
        ['outside', 'nodePort', 'pod1', 'own'],
        ['outside', 'nodePort of node2', 'pod4', 'own'],
        ['node2', 'nodePort', 'pod1', 'own'],
        ['outside', 'vip', 'pod1', 'own'],
        ['outside', 'externalIP', 'pod1', 'own'],
        ['client', 'clusterIP', both, 'own'],
        ['node', 'clusterIP', both, 'node'],
        ['client', 'vip', inside, 'own'],
        ['client', 'externalIP', inside, 'own'],
        ['client', 'nodePort', inside, 'own'],
        ['node', 'vip', inside, address],
        ['node', 'externalIP', inside, address],
        ['node', 'nodePort', inside, own],
      ],
    },
    {
      name: 'externalTrafficPolicy Local on a node without an endpoint',
      spec: { ...external, externalTrafficPolicy: 'Local' },
      balanced: 'VIP',
      endpoints: [['pod4']],
      flows: [
        ['outside', 'nodePort', 'silent'],
        ['outside', 'vip', 'silent'],
        ['outside', 'externalIP', 'silent'],
        ['outside', 'nodePort of node2', 'pod4', 'own'],
        ['client', 'clusterIP', 'pod4', 'own'],
        ['client', 'vip', 'pod4', 'own'],
        ['client', 'nodePort', 'pod4', 'own'],
        // The answer to an address that the other node has too gets lost.
        ['node', 'vip', ...(oneServer ? (['silent'] as const) : (['pod4', 'node'] as const))],
        ['node', 'nodePort', 'pod4', 'node'],
      ],
    },
    {
      name: 'internalTrafficPolicy Local',
      spec: { internalTrafficPolicy: 'Local' },
      endpoints: [everywhere],
      flows: [
        ['client', 'clusterIP', 'pod1', 'own'],
        ['client2', 'clusterIP', 'pod4', 'own'],
        ['node', 'clusterIP', 'pod1', 'node'],
      ],
    },
    {
      name: 'internalTrafficPolicy Local on a node without an endpoint',
      spec: { internalTrafficPolicy: 'Local' },
      endpoints: [['pod4']],
      flows: [
        ['client', 'clusterIP', oneServer ? 'refused' : 'silent'],
        ['node', 'clusterIP', oneServer ? 'refused' : 'silent'],
        ['client2', 'clusterIP', 'pod4', 'own'],
      ],
    },
    {
      name: 'internalTrafficPolicy Local says nothing of what comes from outside',
      spec: { ...external, internalTrafficPolicy: 'Local' },
      balanced: 'VIP',
      endpoints: [['pod4']],
      flows: [
        ['client', 'clusterIP', ...withoutLocal('pod4')],
        ['outside', 'nodePort', 'pod4', 'node'],
        ['client', 'vip', 'pod4', 'node'],
      ],
    },
    {
      name: 'a Service without endpoints refuses at once',
      spec: external,
      balanced: 'VIP',
      endpoints: [],
      flows: (['clusterIP', 'nodePort', 'vip', 'externalIP'] as const).flatMap((door): Flow[] => [
        ['client', door, 'refused'],
        ['outside', door, 'refused'],
        ['node', door, door === 'vip' || door === 'externalIP' ? nodeToNothing : 'refused'],
      ]),
    },
    {
      name: 'policy Local without an endpoint anywhere refuses too',
      spec: { ...external, externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' },
      balanced: 'VIP',
      endpoints: [[]],
      flows: [
        ['client', 'clusterIP', 'refused'],
        ['outside', 'nodePort', 'refused'],
        ['outside', 'vip', 'refused'],
        ['client', 'externalIP', 'refused'],
      ],
    },
    {
      name: 'source ranges that name somebody outside',
      spec: {
        ...external,
        loadBalancerSourceRanges: ['172.18.255.0/24', 'fd00:172::ff00/120', '203.0.113.0/25'],
      },
      balanced: 'VIP',
      endpoints: [everywhere],
      flows: [
        ['outside', 'vip', both, 'node'],
        ['client', 'vip', 'silent'],
        ['outside', 'nodePort', both, 'node'],
        ['outside', 'externalIP', both, 'node'],
        ['client', 'clusterIP', both, 'own'],
      ],
    },
    {
      name: 'source ranges that name the nodes',
      spec: { ...external, loadBalancerSourceRanges: ['172.18.0.0/24', 'fd00:172::/120'] },
      balanced: 'VIP',
      endpoints: [everywhere],
      flows: [
        ['outside', 'vip', 'silent'],
        ['client', 'vip', 'silent'],
        ['node', 'vip', both, 'node'],
        ['node2', 'vip', both, 'node'],
        ['client', 'nodePort', both, 'node'],
      ],
    },
    {
      name: 'source ranges that name pods',
      spec: { ...external, loadBalancerSourceRanges: ['10.244.0.0/16', 'fd00:244::/32'] },
      balanced: 'VIP',
      endpoints: [everywhere],
      flows: [
        ['client', 'vip', both, 'node'],
        ['outside', 'vip', 'silent'],
      ],
    },
    {
      name: 'node ports at loopback addresses',
      spec: { type: 'NodePort' },
      endpoints: [['pod1']],
      flows: [
        [
          'node',
          'localhost',
          ...(localhost && family === 'IPv4' ? (['pod1', 'node'] as const) : (['refused'] as const)),
        ],
      ],
    },
  ];
}
