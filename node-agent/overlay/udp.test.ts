import { expect, test } from 'vitest';
import type { Node } from '../../api/types.ts';
import type { Kernel } from '../../kernel/run.ts';
import { createUdp } from './udp.ts';

const local = {
  name: 'worker',
  podCidrs: ['10.244.1.0/24'],
  nodeIps: ['172.18.0.3'],
  clusterCidrs: ['10.244.0.0/16'],
};
const eth0 = { ifname: 'eth0', mtu: 1500, addr_info: [{ local: '172.18.0.3', prefixlen: 16 }] };
const other: Node = {
  metadata: { name: 'worker2', annotations: { 'flannel.alpha.coreos.com/public-ip': '172.18.0.4' } },
  spec: { podCIDR: '10.244.2.0/24' },
};

function overlay() {
  const told: string[] = [];
  const state = { ended: false, end: () => {} };
  const kernel: Kernel = {
    run: async () => ({ stdout: '', stderr: '' }),
    async open(file, args) {
      told.push(`${file} ${args.slice(1).join(' ')}`);
      state.ended = false;
      return {
        async send(text) {
          told.push(text.trim());
          return 'ok\n';
        },
        ended: () => state.ended,
        onEnd(listener) {
          state.end = listener;
        },
        close: () => undefined,
        kill: () => undefined,
      };
    },
  };
  return { udp: createUdp(kernel), state, told: () => told.splice(0) };
}

test('the device has the whole of the cluster behind it', () => {
  const { udp } = overlay();
  const { commands, mtu } = udp.plan(local, [eth0]);
  expect(mtu).toBe(1472);
  expect(commands).toEqual([
    'tuntap add dev flannel0 mode tun',
    'address add 10.244.1.0/32 dev flannel0',
    'link set flannel0 mtu 1472 up',
    'route replace 10.244.0.0/16 dev flannel0',
  ]);
  const standing = { ifname: 'flannel0', addr_info: [{ local: '10.244.1.0', prefixlen: 32 }] };
  expect(udp.plan(local, [eth0, standing]).commands).toHaveLength(2);
});

test('the program is told what changes, and another one everything', async () => {
  const { udp, state, told } = overlay();
  udp.plan(local, [eth0]);
  await udp.sync([other]);
  expect(told()).toEqual(['perl flannel0 172.18.0.3 8285', '10.244.2.0/24 172.18.0.4']);
  await udp.sync([other]);
  expect(told()).toEqual([]);
  state.ended = true;
  await udp.sync([other]);
  expect(told()).toEqual(['perl flannel0 172.18.0.3 8285', '10.244.2.0/24 172.18.0.4']);
});

test('a program that has ended is started again, and told everything, without being asked for', async () => {
  const { udp, state, told } = overlay();
  udp.plan(local, [eth0]);
  await udp.sync([other]);
  told();
  state.ended = true;
  state.end();
  await expect.poll(told).toEqual(['perl flannel0 172.18.0.3 8285', '10.244.2.0/24 172.18.0.4']);
});

test('IPv6 is refused', () => {
  const { udp } = overlay();
  const dual = { ...local, podCidrs: ['10.244.1.0/24', 'fd00:1::/64'] };
  expect(() => udp.plan(dual, [eth0])).toThrow(
    'overlay udp carries IPv4 alone, not 10.244.1.0/24,fd00:1::/64',
  );
});
