import { expect, test } from 'vitest';
import type { Node } from '../../api/types.ts';
import { CommandError, type Kernel } from '../../kernel/run.ts';
import { createVxlan } from './vxlan.ts';

const node = (name: string, index: number): Node => ({
  metadata: {
    name,
    annotations: {
      'flannel.alpha.coreos.com/backend-data': `{"VNI":1,"VtepMAC":"02:00:00:00:00:0${index}"}`,
      'flannel.alpha.coreos.com/public-ip': `172.18.0.${index}`,
    },
  },
  spec: { podCIDR: `10.244.${index}.0/24` },
});
const local = {
  name: 'worker',
  podCidrs: ['10.244.1.0/24'],
  nodeIps: ['172.18.0.3'],
  clusterCidrs: ['10.244.0.0/16'],
};
const eth0 = { ifname: 'eth0', mtu: 1500, addr_info: [{ local: '172.18.0.3', prefixlen: 16 }] };

function overlay() {
  const asked: string[] = [];
  const state = { failing: false };
  const kernel: Kernel = {
    async run(file, args, { input = '' } = {}) {
      const reading = args.includes('show');
      asked.push(reading ? 'read' : `${file} ${input.trim().split('\n').length}`);
      if (state.failing && !reading) throw new CommandError({ file, args }, 1, '', 'failed');
      return { stdout: '', stderr: '' };
    },
  };
  const vxlan = createVxlan(kernel);
  return { vxlan, state, asked: () => asked.splice(0).sort() };
}

test('a device that is made now needs no look at what it holds', async () => {
  const { vxlan, asked } = overlay();
  const { commands, annotations } = vxlan.plan(local, [eth0]);
  expect(commands[0]).toMatch(
    /^link add flannel\.1 .* mtu 1450 type vxlan id 1 local 172\.18\.0\.3 dev eth0 /,
  );
  expect(annotations['flannel.alpha.coreos.com/public-ip']).toBe('172.18.0.3');
  await vxlan.sync([node('worker', 1), node('worker2', 2)]);
  expect(asked()).toEqual(['bridge 1', 'ip 2']);
});

test('changes that concern no route cost no command', async () => {
  const { vxlan, asked } = overlay();
  vxlan.plan(local, [eth0]);
  await vxlan.sync([node('worker2', 2)]);
  asked();
  await vxlan.sync([node('worker2', 2)]);
  expect(asked()).toEqual([]);
  await vxlan.sync([node('worker2', 2), node('worker3', 4)]);
  expect(asked()).toEqual(['bridge 1', 'ip 2']);
});

test('what stood before is read, and again when asked to or after a failure', async () => {
  const { vxlan, state, asked } = overlay();
  const data = { id: 1, port: 8472, local: '172.18.0.3' };
  const standing = { ifname: 'flannel.1', address: '02:00:00:00:00:09', linkinfo: { info_data: data } };
  vxlan.plan(local, [eth0, standing]);
  await vxlan.sync([]);
  expect(asked()).toEqual(['read', 'read', 'read']);
  await vxlan.sync([]);
  expect(asked()).toEqual([]);
  await vxlan.sync([], { verify: true });
  expect(asked()).toEqual(['read', 'read', 'read']);

  state.failing = true;
  await expect(vxlan.sync([node('worker2', 2)])).rejects.toThrow(CommandError);
  state.failing = false;
  asked();
  await vxlan.sync([node('worker2', 2)]);
  expect(asked()).toEqual(['bridge 1', 'ip 2', 'read', 'read', 'read']);
});

test('what is left for pods is the least of the families, from the mtu of the uplink', () => {
  const { vxlan } = overlay();
  expect(vxlan.plan(local, [{ ...eth0, mtu: 9000 }]).mtu).toBe(8950);
  const both = {
    ...local,
    podCidrs: ['10.244.1.0/24', 'fd00:1::/64'],
    nodeIps: ['172.18.0.3', 'fd00::3'],
  };
  const addresses = [...eth0.addr_info, { local: 'fd00::3', prefixlen: 64 }];
  const { mtu, commands } = vxlan.plan(both, [{ ...eth0, addr_info: addresses }]);
  expect(mtu).toBe(1430);
  expect(commands.join()).toMatch(/flannel-v6\.1 address \S+ mtu 1430 type vxlan id 1 local fd00::3 /);
});

test('a device keeps its place when the uplink gets another mtu', () => {
  const { vxlan } = overlay();
  const linkinfo = { info_data: { id: 1, port: 8472, local: '172.18.0.3' } };
  const standing = { ifname: 'flannel.1', mtu: 1450, address: '02:00:00:00:00:09', linkinfo };
  const { commands } = vxlan.plan(local, [{ ...eth0, mtu: 1400 }, standing]);
  expect(commands).toContain('link set flannel.1 mtu 1350 up');
});
