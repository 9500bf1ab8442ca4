import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { type KubeProxyConfiguration, proxyConfiguration } from '../configuration.ts';
import { type DesiredOptions, desiredRules } from '../render.ts';
import { node, service, slice } from '../testing/objects.ts';
import { ruleSetText } from './rules.ts';

const base = { clusterIP: '172.30.0.41', ports: [{ name: 'p80', port: 80 }] };
const two = slice('ns1/svc1', ['10.180.0.1', '10.180.0.2']);

/** Lines of the rules in kube-proxy's own wording. */
function lines(
  objects: KubeObject[],
  pattern: RegExp,
  configuration: KubeProxyConfiguration = {},
  options: Partial<DesiredOptions> = {},
): string[] {
  const rules = desiredRules({
    objects,
    nodeName: 'worker',
    nodeIps: ['192.168.0.2'],
    configuration: proxyConfiguration(configuration),
    ...options,
  });
  return ruleSetText(rules)
    .split('\n')
    .filter((line) => pattern.test(line));
}

test('ClientIP affinity looks for a client at every endpoint before it draws', () => {
  const sticky = {
    ...base,
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 300 } },
  };
  expect(lines([service('ns1/svc1', sticky), two], /^-A KUBE-S(VC|EP)-/)).toEqual([
    '-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -m recent --name KUBE-SEP-SXIVWICOYRO3J4NJ --rcheck --seconds 300 --reap -j KUBE-SEP-SXIVWICOYRO3J4NJ',
    '-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 -> 10.180.0.2:80" -m recent --name KUBE-SEP-LXVODXWDISEETFEF --rcheck --seconds 300 --reap -j KUBE-SEP-LXVODXWDISEETFEF',
    '-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-SXIVWICOYRO3J4NJ',
    '-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 -> 10.180.0.2:80" -j KUBE-SEP-LXVODXWDISEETFEF',
    '-A KUBE-SEP-SXIVWICOYRO3J4NJ -m comment --comment ns1/svc1:p80 -s 10.180.0.1 -j KUBE-MARK-MASQ',
    '-A KUBE-SEP-SXIVWICOYRO3J4NJ -m comment --comment ns1/svc1:p80 -m recent --name KUBE-SEP-SXIVWICOYRO3J4NJ --set -m tcp -p tcp -j DNAT --to-destination 10.180.0.1:80',
    '-A KUBE-SEP-LXVODXWDISEETFEF -m comment --comment ns1/svc1:p80 -s 10.180.0.2 -j KUBE-MARK-MASQ',
    '-A KUBE-SEP-LXVODXWDISEETFEF -m comment --comment ns1/svc1:p80 -m recent --name KUBE-SEP-LXVODXWDISEETFEF --set -m tcp -p tcp -j DNAT --to-destination 10.180.0.2:80',
  ]);
});

test('above a thousand endpoints, the comments at endpoints are left out', () => {
  const many = Array.from({ length: 1_001 }, (_, i) => `10.181.${i >> 8}.${i & 255}`);
  const other = [
    service('ns1/big', { clusterIP: '172.30.0.50', ports: [{ name: 'p80', port: 80 }] }),
    slice('ns1/big', many),
  ];
  expect(
    lines(
      [service('ns1/svc1', base), two, ...other],
      /^-A KUBE-(SVC-XPGD46QRK7WJZT7O|SEP-SXIVWICOYRO3J4NJ) /,
    ),
  ).toEqual([
    '-A KUBE-SVC-XPGD46QRK7WJZT7O -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-SXIVWICOYRO3J4NJ',
    '-A KUBE-SVC-XPGD46QRK7WJZT7O -j KUBE-SEP-LXVODXWDISEETFEF',
    '-A KUBE-SEP-SXIVWICOYRO3J4NJ -s 10.180.0.1 -j KUBE-MARK-MASQ',
    '-A KUBE-SEP-SXIVWICOYRO3J4NJ -m tcp -p tcp -j DNAT --to-destination 10.180.0.1:80',
  ]);
});

describe('how pods are told from others', () => {
  test.each<[string, KubeProxyConfiguration, string | undefined]>([
    ['by clusterCIDR', { clusterCIDR: '10.0.0.0/8' }, '! -s 10.0.0.0/8'],
    [
      'by the own part of a dual-stack clusterCIDR',
      { clusterCIDR: 'fd00::/48,10.0.0.0/8' },
      '! -s 10.0.0.0/8',
    ],
    ['by the podCIDR of the Node', { detectLocalMode: 'NodeCIDR' }, '! -s 10.244.1.0/24'],
    [
      'by a bridge',
      { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cni0' } },
      '! -i cni0',
    ],
    [
      'by the names of interfaces',
      { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'veth' } },
      '! -i veth+',
    ],
    ['by nothing', {}, undefined],
    ['masqueradeAll asks nobody', { clusterCIDR: '10.0.0.0/8', iptables: { masqueradeAll: true } }, ''],
  ])('%s', (_, configuration, match) => {
    const objects = [node('worker', ['192.168.0.2'], {}, ['10.244.1.0/24']), service('ns1/svc1', base), two];
    const found = lines(objects, /^-A KUBE-SVC-.* -j KUBE-MARK-MASQ$/, configuration);
    const start =
      '-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 --dport 80';
    expect(found).toEqual(match === undefined ? [] : [`${start}${match && ` ${match}`} -j KUBE-MARK-MASQ`]);
  });
});

describe('where node ports answer', () => {
  const jump = /^-A KUBE-SERVICES .* -j KUBE-NODEPORTS$/;
  const comment =
    '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"';
  test.each<[string, KubeProxyConfiguration, Partial<DesiredOptions>, string[]]>([
    ['everywhere', {}, {}, ['-m addrtype --dst-type LOCAL']],
    ['not on loopback, over IPv6', {}, { family: 'IPv6' }, ['-m addrtype --dst-type LOCAL ! -d ::1/128']],
    [
      'not on loopback, when told so',
      { iptables: { localhostNodePorts: false } },
      {},
      ['-m addrtype --dst-type LOCAL ! -d 127.0.0.0/8'],
    ],
    ['on loopback only', { nodePortAddresses: ['127.0.0.0/8'] }, {}, ['-d 127.0.0.1']],
    ['on a network', { nodePortAddresses: ['192.168.0.0/24', '2001:db8::/64'] }, {}, ['-d 192.168.0.2']],
    ['on the addresses of the Node', { nodePortAddresses: ['primary'] }, {}, ['-d 192.168.0.2']],
    ['nowhere', { nodePortAddresses: ['203.0.113.0/24'] }, {}, []],
    [
      'everywhere, for the other family',
      { nodePortAddresses: ['2001:db8::/64'] },
      {},
      ['-m addrtype --dst-type LOCAL'],
    ],
  ])('%s', (_, configuration, options, expected) => {
    const found = lines([], jump, configuration, options);
    expect(found).toEqual(expected.map((match) => `-A KUBE-SERVICES ${comment} ${match} -j KUBE-NODEPORTS`));
  });
});

test('IPv6 rules name addresses bare and endpoints in brackets', () => {
  const six = service('ns1/svc1', { ...base, clusterIPs: ['172.30.0.41', 'FD00:172:30::41'] });
  const endpoints = slice('ns1/svc1', ['fd00:10::1'], { addressType: 'IPv6' });
  expect(lines([six, endpoints], /ns1\/svc1/, { clusterCIDR: 'fd00:10::/48' }, { family: 'IPv6' })).toEqual([
    expect.stringMatching(/-d fd00:172:30::41 --dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O$/),
    expect.stringMatching(/-d fd00:172:30::41 --dport 80 ! -s fd00:10::\/48 -j KUBE-MARK-MASQ$/),
    expect.stringMatching(/"ns1\/svc1:p80 -> \[fd00:10::1\]:80" -j KUBE-SEP-/),
    expect.stringMatching(/-s fd00:10::1 -j KUBE-MARK-MASQ$/),
    expect.stringMatching(/-j DNAT --to-destination \[fd00:10::1\]:80$/),
  ]);
});

test('conntrack in liberal mode drops nothing as invalid', () => {
  expect(lines([], /INVALID/)).toHaveLength(1);
  expect(lines([], /INVALID/, { conntrack: { tcpBeLiberal: true } })).toEqual([]);
});

test('another masquerade bit is used everywhere', () => {
  const marks = lines([], /mark/, { iptables: { masqueradeBit: 15 } });
  expect(marks).toHaveLength(4);
  for (const line of marks) expect(line).toContain('0x8000');
});
