import { expect, test } from 'vitest';
import { type DetectLocal, localDetector, nodePortAddresses } from './detector.ts';

const families = ['IPv4', 'IPv6'] as const;

/** Rows of upstream's `TestGetNodeIPs`, `pkg/proxy/util/nodeport_addresses_test.go`: `*` before what all addresses answer. */
test.each<[name: string, cidrs: string[], local: string, ipv4: string, ipv6: string]>([
  ['one network', ['10.20.30.0/24'], '10.20.30.51 100.200.201.1', '10.20.30.51', '*'],
  ['every IPv4 address', ['0.0.0.0/0'], '10.20.30.51 127.0.0.1', '*', '*'],
  ['IPv6 networks', ['2001:db8::/64', '::1/128'], '2001:db8::1 ::1', '*', '2001:db8::1 ::1'],
  ['every IPv6 address', ['::/0'], '2001:db8::1 ::1', '*', '*'],
  ['just 127.0.0.1', ['127.0.0.1/32'], '10.20.30.51 127.0.0.1', '127.0.0.1', '*'],
  ['loopback', ['127.0.0.0/8'], '127.0.1.1', '127.0.1.1', '*'],
  [
    'two networks',
    ['10.20.30.0/24', '100.200.201.0/24'],
    '10.20.30.51 100.200.201.1',
    '10.20.30.51 100.200.201.1',
    '*',
  ],
  ['no network of ours', ['10.20.30.0/24', '100.200.201.0/24'], '192.168.1.2 127.0.0.1', '', '*'],
  ['nothing', [], '192.168.1.2 127.0.0.1 2001:db8::1 ::1', '*', '*'],
  ['every address makes others redundant', ['1.2.3.0/24', '0.0.0.0/0'], '1.2.3.4', '*', '*'],
  [
    'both families, all of IPv4',
    ['0.0.0.0/0', '1.2.3.0/24', '2001:db8::1/128'],
    '1.2.3.4 2001:db8::1 127.0.0.1 ::1',
    '*',
    '2001:db8::1',
  ],
  [
    'both families, all of IPv6',
    ['::/0', '1.2.3.0/24', '2001:db8::1/128'],
    '1.2.3.4 2001:db8::1 127.0.0.1 ::1',
    '1.2.3.4',
    '*',
  ],
  ["the Node's own", ['primary'], '192.0.2.1 2001:db8::7 198.51.100.9', '192.0.2.1', '2001:db8::7'],
])('node ports on %s', (_, cidrs, local, ipv4, ipv6) => {
  const found = families.map((family) => {
    const { all, addresses } = nodePortAddresses(
      cidrs,
      ['192.0.2.1', '2001:db8::7'],
      local.split(' '),
      family,
    );
    return all ? '*' : addresses.join(' ');
  });
  expect(found).toEqual([ipv4, ipv6]);
});

/** Rows of upstream's `TestContainsIPv4Loopback`. */
test.each([
  [[], true],
  [['224.0.0.0/24', '0.0.0.0/0'], true],
  [['224.0.0.0/24', '::/0'], false],
  [['224.0.0.0/24', '127.0.0.0/8'], true],
  [['224.0.0.0/24', '::1/128'], false],
  [['224.0.0.0/24', '127.0.2.0/28'], true],
  [['224.0.0.0/24', '64.0.0.0/2'], true],
  [['128.0.2.0/28', '192.168.0.0/16'], false],
])('whether %j has an address of loopback: %s', (cidrs, expected) => {
  expect(nodePortAddresses(cidrs, [], [], 'IPv4').loopback).toBe(expected);
  expect(nodePortAddresses(cidrs, [], [], 'IPv6').loopback).toBe(false);
});

const detect: DetectLocal = {
  mode: 'ClusterCIDR',
  clusterCIDR: '',
  bridgeInterface: 'eth',
  interfaceNamePrefix: 'veth',
};

/** Rows of upstream's `Test_getLocalDetectors`, `cmd/kube-proxy/app/server_linux_test.go`. */
test.each<[Partial<DetectLocal>, podCIDRs: string[], ipv4: string | undefined, ipv6: string | undefined]>([
  [{}, [], undefined, undefined],
  [{ clusterCIDR: '10.0.0.0/14' }, ['10.9.0.0/24'], '-s 10.0.0.0/14', undefined],
  [{ clusterCIDR: '2002:0:0:1234::/64' }, [], undefined, '-s 2002:0:0:1234::/64'],
  [
    { clusterCIDR: '10.0.0.0/14, 2002::1234:abcd:ffff:c0a8:101/64' },
    [],
    '-s 10.0.0.0/14',
    '-s 2002:0:0:1234::/64',
  ],
  [{ mode: 'NodeCIDR', clusterCIDR: '10.0.0.0/14' }, [], undefined, undefined],
  [{ mode: 'NodeCIDR' }, ['10.0.0.0/24'], '-s 10.0.0.0/24', undefined],
  [{ mode: 'NodeCIDR' }, ['2002::1234:abcd:ffff:c0a8:101/96'], undefined, '-s 2002::1234:abcd:ffff:0:0/96'],
  [{ mode: 'NodeCIDR' }, ['10.0.0.0/24', 'fd00::/64'], '-s 10.0.0.0/24', '-s fd00::/64'],
  [{ mode: 'BridgeInterface' }, ['10.0.0.0/24'], '-i eth', '-i eth'],
  [{ mode: 'InterfaceNamePrefix' }, ['10.0.0.0/24'], '-i veth+', '-i veth+'],
])('pods by %j, node with %j', (change, podCIDRs, ipv4, ipv6) => {
  const found = families.map((family) => localDetector({ ...detect, ...change }, podCIDRs, family));
  expect(found.map((one) => one?.match)).toEqual([ipv4, ipv6]);
  expect(found.map((one) => one?.negated)).toEqual([ipv4, ipv6].map((one) => one && `! ${one}`));
});
