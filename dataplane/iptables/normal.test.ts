import { expect, test } from 'vitest';
import { normalRule } from './normal.ts';

/** Left as kube-proxy or a person writes it, right as iptables-save 1.8.9 prints it. */
const pairs: [written: string, printed: string, family?: 'IPv6'][] = [
  [
    '-m comment --comment "a b" -m tcp -p tcp -d 10.0.0.1 --dport 80 -j X',
    '-d 10.0.0.1/32 -p tcp -m comment --comment "a b" -m tcp --dport 80 -j X',
  ],
  [
    '-m comment --comment "a cluster IP" -m tcp -p tcp -d 10.0.0.1 --dport 80 ! -s 10.244.0.0/16 -j X',
    '! -s 10.244.0.0/16 -d 10.0.0.1/32 -p tcp -m comment --comment "a cluster IP" -m tcp --dport 80 -j X',
  ],
  ['-p tcp --dport 80 -j X', '-p tcp -m tcp --dport 80 -j X'],
  ['-s 10.0.0.77/24 -d 0.0.0.0/0 ! -i cni0 -j X', '-s 10.0.0.0/24 ! -i cni0 -j X'],
  ['! -s 0.0.0.0/0 -j X', '! -s 0.0.0.0/0 -j X'],
  ['! -d ::1/128 -j X', '! -d ::1/128 -j X', 'IPv6'],
  ['-d FD00::0:1 -j X', '-d fd00::1/128 -j X', 'IPv6'],
  ['-j MARK --or-mark 0x4000', '-j MARK --set-xmark 0x4000/0x4000'],
  ['-j MARK --xor-mark 0x4000', '-j MARK --set-xmark 0x4000/0x0'],
  ['-j MARK --set-xmark 0x00004000/0x00004000', '-j MARK --set-xmark 0x4000/0x4000'],
  ['-m mark ! --mark 0x4000/0x4000 -j RETURN', '-m mark ! --mark 0x4000/0x4000 -j RETURN'],
  [
    '-m statistic --mode random --probability 0.3333333333 -j X',
    '-m statistic --mode random --probability 0.33333333349 -j X',
  ],
  [
    '-m statistic --mode random --probability 0.33333 -j X',
    '-m statistic --mode random --probability 0.33332999982 -j X',
  ],
  [
    '-m statistic --mode random --probability 0.5000000000 -j X',
    '-m statistic --mode random --probability 0.50000000000 -j X',
  ],
  // 1/4096, which eleven digits cannot tell apart from either neighbour.
  [
    '-m statistic --mode random --probability 0.0002441406 -j X',
    '-m statistic --mode random --probability 0.00024414062 -j X',
  ],
  [
    '-m comment --comment ns/a:p -j REJECT',
    '-m comment --comment "ns/a:p" -j REJECT --reject-with icmp-port-unreachable',
  ],
  ['-m comment --comment "plain-word" -j X', '-m comment --comment plain-word -j X'],
  ['-j REJECT', '-j REJECT --reject-with icmp6-port-unreachable', 'IPv6'],
  [
    '-m recent --name X --rcheck --seconds 10800 --reap -j Y',
    '-m recent --rcheck --seconds 10800 --reap --name X --mask 255.255.255.255 --rsource -j Y',
  ],
  [
    '-m recent --name X --set -m tcp -p tcp -j DNAT --to-destination [fd00::1]:80',
    '-p tcp -m recent --set --name X --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff --rsource -m tcp -j DNAT --to-destination [fd00::1]:80',
    'IPv6',
  ],
  [
    '-m conntrack ! --ctstate ESTABLISHED,DNAT,RELATED -j DROP',
    '-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
  ],
  [
    '-m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j X',
    '-m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j X',
  ],
  [
    '-m comment --comment "a b" -j MASQUERADE --random-fully',
    '-m comment --comment "a b" -j MASQUERADE --random-fully',
  ],
  ['-m comment --comment "only a comment"', '-m comment --comment "only a comment"'],
];

test.each(pairs)('%s is printed as %s', (written, printed, six) => {
  const family = six ?? 'IPv4';
  expect(normalRule(written, family)).toBe(printed);
  expect(normalRule(printed, family)).toBe(printed);
});

test.each([
  ['! -s 10.0.0.0/8 -j X', '-s 10.0.0.0/8 -j X'],
  ['-d 10.0.0.1 -j X', '-d 10.0.0.2 -j X'],
  ['-p tcp --dport 80 -j X', '-p udp --dport 80 -j X'],
  [
    '-m statistic --mode random --probability 0.5 -j X',
    '-m statistic --mode random --probability 0.3333333333 -j X',
  ],
  ['-j MARK --or-mark 0x4000', '-j MARK --or-mark 0x8000'],
])('%s is not %s', (a, b) => {
  expect(normalRule(a, 'IPv4')).not.toBe(normalRule(b, 'IPv4'));
});

test('an option that belongs to nothing is refused', () => {
  expect(() => normalRule('--random-fully', 'IPv4')).toThrow(/--random-fully belongs to no match/);
});
