import { expect, it } from 'vitest';
import { parseNetConf } from './net-conf.ts';

const conf = (fields: object) => parseNetConf(JSON.stringify({ Network: '10.244.0.0/16', ...fields }));

it.each([
  [{ Type: 'vxlan' }, { type: 'vxlan' }],
  [
    { Type: 'vxlan', VNI: 4096, Port: 4789, MTU: 1400, DirectRouting: true },
    { type: 'vxlan', vni: 4096, port: 4789, mtu: 1400, directRouting: true },
  ],
  [{ type: 'vxlan', vni: 0, directRouting: false }, { type: 'vxlan' }],
  [{ Type: 'host-gw' }, { type: 'host-gw' }],
  [
    { Type: 'udp', Port: 7890 },
    { type: 'udp', port: 7890 },
  ],
  [undefined, { type: 'udp' }],
])('backend %j', (Backend, backend) => {
  expect(conf({ Backend })).toEqual({ clusterCidrs: ['10.244.0.0/16'], backend });
});

it('both families, or IPv6 alone', () => {
  const six = { EnableIPv6: true, IPv6Network: 'fd00:10:244::/56', Backend: { Type: 'host-gw' } };
  expect(conf(six).clusterCidrs).toEqual(['10.244.0.0/16', 'fd00:10:244::/56']);
  expect(conf({ ...six, EnableIPv4: false }).clusterCidrs).toEqual(['fd00:10:244::/56']);
});

it('says what is wrong', () => {
  expect(() => parseNetConf('{')).toThrow('is no JSON');
  expect(() => parseNetConf('{}')).toThrow('Network: undefined: must be an IPv4 network');
  expect(() => conf({ Network: 'fd00::/56' })).toThrow('Network: "fd00::/56": must be an IPv4 network');
  expect(() => conf({ Backend: { Type: 'wireguard' } })).toThrow(
    'Backend.Type: "wireguard": must be vxlan, host-gw or udp',
  );
  expect(() => conf({ Backend: { Type: 'vxlan', VNI: 'one' } })).toThrow('Backend.VNI: "one"');
});
