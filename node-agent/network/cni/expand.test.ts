import { expect, test } from 'vitest';
import { parseConflist } from './config.ts';
import { expandConflist } from './expand.ts';
import { capabilitiesOf } from './pods.ts';

const facts = {
  podCidrs: ['10.244.1.0/24', 'fd00:1::/64'],
  clusterCidrs: ['10.244.0.0/16', 'fd00::/48'],
  mtu: 1430,
  bridge: 'cni0',
  ipamDir: '/run/networks',
};
const expand = (...plugins: unknown[]) =>
  expandConflist(parseConflist(JSON.stringify({ cniVersion: '1.0.0', name: 'cbr0', plugins }), 'a'), facts)
    .plugins;
const ranges = [[{ subnet: '10.244.1.0/24' }], [{ subnet: 'fd00:1::/64' }]];

test("flannel's plugin is what it delegates to", () => {
  const delegate = { hairpinMode: true, isDefaultGateway: true };
  expect(expand({ type: 'flannel', delegate })).toEqual([
    {
      type: 'bridge',
      bridge: 'cni0',
      mtu: 1430,
      isGateway: true,
      ipMasq: false,
      hairpinMode: true,
      isDefaultGateway: true,
      ipam: {
        type: 'host-local',
        dataDir: '/run/networks',
        ranges,
        routes: [{ dst: '10.244.0.0/16' }, { dst: 'fd00::/48' }],
      },
    },
  ]);
});

test('usePodCidr is the node its own, with a way out', () => {
  const [bridge] = expand({ type: 'bridge', mtu: 1300, ipam: { type: 'host-local', subnet: 'usePodCidr' } });
  expect(bridge).toMatchObject({
    mtu: 1300,
    ipam: {
      ranges,
      routes: [
        { dst: '0.0.0.0/0', gw: '10.244.1.1' },
        { dst: '::/0', gw: 'fd00:1::1' },
      ],
    },
  });
});

test('what the file says stays', () => {
  const ipam = { type: 'host-local', subnet: '192.0.2.0/24', dataDir: '/x', routes: [] };
  expect(expand({ type: 'ptp', mtu: 9000, ipam })).toEqual([{ type: 'ptp', mtu: 9000, ipam }]);
  expect(expand({ type: 'macvlan', ipam: { type: 'static' } })).toEqual([
    { type: 'macvlan', ipam: { type: 'static' } },
  ]);
});

test("a pod's host ports and bandwidth, in the words of the conventions", () => {
  const annotations = { 'kubernetes.io/egress-bandwidth': '2Mi', 'kubernetes.io/ingress-bandwidth': '10M' };
  const ports = [
    { containerPort: 53, hostPort: 5353, protocol: 'UDP', hostIP: '172.18.0.2' },
    { containerPort: 80 },
  ];
  expect(capabilitiesOf({ metadata: { annotations }, spec: { containers: [{ name: 'c', ports }] } })).toEqual(
    {
      portMappings: [{ hostPort: 5353, containerPort: 53, protocol: 'udp', hostIP: '172.18.0.2' }],
      bandwidth: {
        ingressRate: 10_000_000,
        ingressBurst: 2_147_483_647,
        egressRate: 2_097_152,
        egressBurst: 2_147_483_647,
      },
    },
  );
  expect(capabilitiesOf({ spec: { containers: [] } })).toEqual({});
});
