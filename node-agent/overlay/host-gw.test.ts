import { expect, test } from 'vitest';
import type { Node } from '../../api/types.ts';
import type { Kernel } from '../../kernel/run.ts';
import { withDirectRouting } from './direct-routing.ts';
import { createHostGw, routeCommands } from './host-gw.ts';
import type { Overlay } from './overlay.ts';

const node = (name: string, index: number, address = `172.18.0.${index}`): Node => ({
  metadata: { name, annotations: { 'flannel.alpha.coreos.com/public-ip': address } },
  spec: { podCIDR: `10.244.${index}.0/24` },
});
const local = {
  name: 'worker',
  podCidrs: ['10.244.1.0/24'],
  nodeIps: ['172.18.0.3'],
  clusterCidrs: ['10.244.0.0/16'],
};
const eth0 = { ifname: 'eth0', mtu: 9000, addr_info: [{ local: '172.18.0.3', prefixlen: 16 }] };

/** Answers every look at routes with `standing`; keeps what is written. */
function recorder(standing: { dst: string; gateway?: string }[] = []) {
  const written: string[] = [];
  const kernel: Kernel = {
    async run(_file, args, { input = '' } = {}) {
      if (args.includes('show')) return { stdout: JSON.stringify(standing), stderr: '' };
      written.push(...input.trim().split('\n'));
      return { stdout: '', stderr: '' };
    },
  };
  return { kernel, written: () => written.splice(0) };
}

test('routes follow the nodes', () => {
  const old = { destination: '10.244.2.0/24', gateway: '172.18.0.4' };
  const moved = { ...old, gateway: '172.18.0.9' };
  expect(routeCommands('eth0', [old], [old])).toEqual([]);
  expect(routeCommands('eth0', [moved], [old])).toEqual([
    'route replace 10.244.2.0/24 via 172.18.0.9 dev eth0',
  ]);
  expect(routeCommands('eth0', [], [old])).toEqual(['route del 10.244.2.0/24 via 172.18.0.4 dev eth0']);
});

test('pods have all of the mtu, and flannel is told of the node as it expects it', () => {
  const plan = createHostGw(recorder().kernel).plan(local, [eth0]);
  expect(plan).toEqual({
    commands: [],
    mtu: 9000,
    annotations: {
      'flannel.alpha.coreos.com/backend-type': 'host-gw',
      'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
      'flannel.alpha.coreos.com/backend-data': 'null',
      'flannel.alpha.coreos.com/public-ip': '172.18.0.3',
    },
  });
});

test('what an earlier process wrote is taken over, and goes with its node', async () => {
  const { kernel, written } = recorder([
    { dst: '10.244.2.0/24', gateway: '172.18.0.4' },
    { dst: '10.244.7.0/24', gateway: '172.18.0.7' },
  ]);
  const overlay = createHostGw(kernel);
  overlay.plan(local, [eth0]);
  await overlay.sync([node('worker', 1), node('worker2', 2, '172.18.0.4')]);
  expect(written()).toEqual(['route del 10.244.7.0/24 via 172.18.0.7 dev eth0']);
  await overlay.sync([node('worker', 1)]);
  expect(written()).toEqual(['route del 10.244.2.0/24 via 172.18.0.4 dev eth0']);
});

test('direct routing: who is behind a router is reached through the tunnel, and may change sides', async () => {
  const { kernel, written } = recorder();
  const tunnelled: string[][] = [];
  const order: string[] = [];
  const tunnel: Overlay = {
    plan: () => ({ commands: [], annotations: {}, mtu: 8950 }),
    async sync(nodes) {
      order.push(...written(), 'tunnel');
      tunnelled.push(nodes.map(({ metadata }) => metadata?.name ?? ''));
    },
  };
  const overlay = withDirectRouting(kernel, tunnel);
  expect(overlay.plan(local, [eth0]).mtu).toBe(8950);
  await overlay.sync([node('near', 2), node('far', 3, '192.0.2.3')]);
  expect(tunnelled).toEqual([['far']]);
  order.splice(0);
  await overlay.sync([node('near', 2, '192.0.2.2'), node('far', 3)]);
  expect([...order, ...written()]).toEqual([
    'route del 10.244.2.0/24 via 172.18.0.2 dev eth0',
    'tunnel',
    'route replace 10.244.3.0/24 via 172.18.0.3 dev eth0 mtu 8950',
  ]);
  expect(tunnelled.at(-1)).toEqual(['near']);
});
