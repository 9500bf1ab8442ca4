import type { Family } from '../../api/address.ts';
import type { Differences, Flow, Row } from './rows.ts';
import type { SuiteConfiguration } from './world.ts';

const cluster: Row = { name: 'a ClusterIP', endpoints: [['pod1', 'pod4']], flows: [] };
const local: Row = {
  name: 'a node port with policy Local',
  spec: { type: 'NodePort', externalTrafficPolicy: 'Local' },
  endpoints: [['pod1', 'pod2', 'pod4']],
  flows: [],
};
const ported: Row = {
  name: 'a node port',
  spec: { type: 'NodePort' },
  endpoints: [['pod1', 'pod4']],
  flows: [],
};
const both = 'pod1 pod4';

/** Services under other configurations than the default: who is told for a pod, what is masqueraded, where node ports answer. */
export function configuredRows(
  { everyAddress, oneServer, localhost }: Differences,
  family: Family,
): { name: string; configuration: SuiteConfiguration; rows: Row[] }[] {
  const [underlay, bridges] =
    family === 'IPv4' ? ['172.18.0.0/16', '10.244.0.0/16'] : ['fd00:172::/64', 'fd00:244::/32'];
  /** Who counts as a pod is not masqueraded at the ClusterIP, and gets every endpoint at a node port with policy Local. */
  const podsByAddress: Row[] = [
    {
      ...cluster,
      flows: [
        ['client', 'clusterIP', both, 'own'],
        ['client2', 'clusterIP', both, 'own'],
        ['node', 'clusterIP', both, 'node'],
        ['outside', 'clusterIP', both, 'node'],
      ],
    },
    {
      ...local,
      flows: [
        ['client', 'nodePort', oneServer ? 'pod1 pod2' : 'pod1 pod2 pod4', 'own'],
        // To this node a pod of the other one is somebody outside.
        ['client2', 'nodePort', 'pod1 pod2', 'own'],
        ['outside', 'nodePort', 'pod1 pod2', 'own'],
      ],
    },
  ];
  const onBridge: Flow = ['client', 'nodePort on the bridge', both, 'node'];
  const notOnBridge: Flow = ['client', 'nodePort on the bridge', 'refused'];
  return [
    {
      name: 'masqueradeAll',
      configuration: { masqueradeAll: true },
      rows: [
        {
          ...cluster,
          flows: [
            ['client', 'clusterIP', both, 'node'],
            ['client2', 'clusterIP', both, 'node'],
            ['node', 'clusterIP', both, 'node'],
          ],
        },
      ],
    },
    {
      name: 'no way to tell pods',
      configuration: { clusterCIDR: '' },
      rows: [
        {
          ...cluster,
          endpoints: [['pod1']],
          flows: [
            ['client', 'clusterIP', 'pod1', 'own'],
            ['outside', 'clusterIP', 'pod1', 'own'],
            ['pod1', 'clusterIP', 'pod1', 'node'],
          ],
        },
        { ...local, flows: [['client', 'nodePort', 'pod1 pod2', 'own']] },
      ],
    },
    {
      name: 'pods told by the CIDR of the node',
      configuration: { detectLocalMode: 'NodeCIDR' },
      rows: podsByAddress,
    },
    {
      name: 'pods told by their bridge',
      configuration: { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cni0' } },
      rows: podsByAddress,
    },
    {
      name: 'pods told by the prefix of their interfaces',
      configuration: { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'cni' } },
      rows: podsByAddress,
    },
    {
      name: 'nodePortAddresses that name the underlay',
      configuration: { nodePortAddresses: [underlay] },
      rows: [
        {
          ...ported,
          flows: [
            ['outside', 'nodePort', both, 'node'],
            ['node', 'nodePort', both, 'node'],
            notOnBridge,
            ...(localhost ? [['node', 'localhost', 'refused'] as const] : []),
          ],
        },
      ],
    },
    {
      name: 'nodePortAddresses that name the bridge',
      configuration: { nodePortAddresses: [bridges] },
      rows: [{ ...ported, flows: [onBridge, ['outside', 'nodePort', 'refused']] }],
    },
    {
      name: 'nodePortAddresses primary',
      configuration: { nodePortAddresses: ['primary'] },
      rows: [{ ...ported, flows: [notOnBridge, ['outside', 'nodePort', both, 'node']] }],
    },
    ...(everyAddress
      ? []
      : [
          {
            name: 'nodePortAddresses of everything',
            configuration: { nodePortAddresses: ['0.0.0.0/0', '::/0'] },
            rows: [{ ...ported, flows: [onBridge, ['node', 'localhost', 'refused'] as const] }],
          },
        ]),
  ];
}
