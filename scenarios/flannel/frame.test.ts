import { expect, test } from 'vitest';
import { describeFrame, readFrame } from './frame.ts';

const ethernet = (to: string, from: string) => `${to}${from}0800`;
const ipv4 = (protocol: string, from: string, to: string) =>
  `4500005400004000${'3f'}${protocol}0000${from}${to}`;
const outer = `${ethernet('0a0000000003', '0a0000000002')}${ipv4('11', 'ac120002', 'ac120003')}c0002118${'00000000'}`;
const vxlan = '0800000000000100';
const inner = `${ethernet('020000000003', '020000000002')}${ipv4('01', '0a200002', '0a200102')}0800`;

test('every layer is read', () => {
  const frame = readFrame(outer + vxlan + inner);
  expect(frame).toEqual({
    outer: {
      macs: { from: '0a:00:00:00:00:02', to: '0a:00:00:00:00:03' },
      ips: { from: '172.18.0.2', to: '172.18.0.3' },
      port: 8472,
    },
    vni: 1,
    inner: {
      macs: { from: '02:00:00:00:00:02', to: '02:00:00:00:00:03' },
      ips: { from: '10.32.0.2', to: '10.32.1.2' },
      protocol: 1,
      ttl: 63,
    },
    added: 50,
  });
  expect(describeFrame(frame)).toContain('IP        10.32.0.2 > 10.32.1.2, protocol 1 (ICMP), ttl 63');
});

test('what is no VXLAN is named', () => {
  expect(() => readFrame(inner)).toThrow('IP protocol 1 is not UDP');
  expect(() => readFrame(`${'00'.repeat(12)}86dd${'00'.repeat(40)}`)).toThrow('EtherType 0x86dd is not IPv4');
  expect(() => readFrame(outer + '00'.repeat(60))).toThrow('no VNI');
});
