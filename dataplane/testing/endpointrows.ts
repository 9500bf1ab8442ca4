import type { Differences, Flow, Row } from './rows.ts';

const both = 'pod1 pod4';
const external = { type: 'LoadBalancer', externalIPs: [''] };
const stopping = { ready: false, serving: true, terminating: true };
const stopped = { ready: false, serving: false, terminating: true };

/** Which endpoints a node uses, as in upstream's `topology_test.go`; several ports; Services that have no rules. */
export function endpointRows({ oneServer }: Differences): Row[] {
  return [
    {
      name: 'ready endpoints before those that terminate',
      endpoints: [[{ pod: 'pod1', ...stopping }, 'pod2']],
      flows: [
        ['client', 'clusterIP', 'pod2', 'own'],
        ['client2', 'clusterIP', 'pod2', 'own'],
      ],
    },
    {
      name: 'without a ready endpoint, those that terminate and still serve',
      endpoints: [
        [
          { pod: 'pod1', ...stopping },
          { pod: 'pod2', ...stopped },
          { pod: 'pod3', ready: false, serving: false },
        ],
      ],
      flows: [['client', 'clusterIP', 'pod1', 'own']],
    },
    {
      name: 'endpoints that serve no more are none',
      spec: { type: 'NodePort' },
      endpoints: [
        [
          { pod: 'pod1', ...stopped },
          { pod: 'pod4', ready: false, serving: false },
        ],
      ],
      flows: [
        ['client', 'clusterIP', 'refused'],
        ['outside', 'nodePort', 'refused'],
      ],
    },
    {
      name: 'policy Local: an endpoint here that terminates before ready ones elsewhere',
      spec: { ...external, externalTrafficPolicy: 'Local' },
      balanced: 'VIP',
      endpoints: [[{ pod: 'pod1', ...stopping }, 'pod4']],
      flows: [
        ['outside', 'nodePort', 'pod1', 'own'],
        ['outside', 'vip', 'pod1', 'own'],
        ['client', 'clusterIP', 'pod4', 'own'],
        ['client', 'vip', oneServer ? 'pod1' : 'pod4', 'own'],
      ],
    },
    {
      name: 'publishNotReadyAddresses: terminating and serving nobody, but ready',
      endpoints: [[{ pod: 'pod1', ready: true, serving: false, terminating: true }, 'pod4']],
      flows: [['client', 'clusterIP', both, 'own']],
    },
    {
      name: 'topology hints',
      endpoints: [
        [
          { pod: 'pod1', zones: ['a'] },
          { pod: 'pod4', zones: ['b', 'c'] },
        ],
      ],
      flows: [
        ['client', 'clusterIP', 'pod1', 'own'],
        ['node', 'clusterIP', 'pod1', 'node'],
        ['client2', 'clusterIP', 'pod4', 'own'],
      ],
    },
    {
      name: 'hints that are not whole, or name no endpoint for a zone, count for nothing',
      endpoints: [
        [
          { pod: 'pod1', zones: ['a'] },
          { pod: 'pod2', zones: ['a'] },
        ],
        [{ pod: 'pod4' }],
      ],
      flows: [
        ['client', 'clusterIP', 'pod1 pod2 pod4', 'own'],
        ['client2', 'clusterIP', 'pod1 pod2 pod4', 'own'],
      ],
    },
    {
      name: 'several slices with the same endpoint in two of them',
      endpoints: [['pod1', 'pod2'], ['pod2', 'pod4'], []],
      flows: [['client', 'clusterIP', 'pod1 pod2 pod4', 'own']],
    },
    {
      name: 'several ports at one address',
      spec: { ...external },
      balanced: 'VIP',
      ports: [80, 81, 8443].flatMap((port) =>
        ['TCP', 'UDP', 'SCTP'].map((protocol) => ({
          ...{ name: `${protocol.toLowerCase()}-${port}`, port, protocol },
          ...(port === 80 ? {} : { target: 9377, nodePort: port === 81 ? 30_281 : 30_443 }),
        })),
      ),
      endpoints: [['pod1']],
      flows: (['clusterIP', 'vip', 'externalIP'] as const).flatMap((door): Flow[] => {
        const seen = door === 'clusterIP' ? 'own' : 'node';
        return [
          ['client', door, 'pod1', seen],
          ['client', `${door}:81`, 'pod1-b', seen],
          ['client', `${door}:8443`, 'pod1-b', seen],
        ];
      }),
    },
    {
      name: 'a headless Service has no rules',
      spec: { clusterIP: 'None' },
      endpoints: [['pod1']],
      flows: [['client', 'clusterIP', 'silent']],
    },
    {
      name: 'an ExternalName Service has no rules',
      spec: { type: 'ExternalName', externalName: 'example.com' },
      endpoints: [['pod1']],
      flows: [['client', 'clusterIP', 'silent']],
    },
    {
      name: 'a Service of another proxy has no rules',
      labels: { 'service.kubernetes.io/service-proxy-name': 'other' },
      spec: { type: 'NodePort' },
      endpoints: [['pod1']],
      flows: [
        ['client', 'clusterIP', 'silent'],
        ['outside', 'nodePort', 'refused'],
      ],
    },
  ];
}
