import { BlockList, isIPv4 } from 'node:net';
import type { FieldError } from '../../strategy.ts';
import { invalid } from './field.ts';

const ranges: [string, BlockList][] = [
  [
    'may not be unspecified',
    blockList([
      ['0.0.0.0', 32],
      ['::', 128],
    ]),
  ],
  [
    'may not be in the loopback range (127.0.0.0/8, ::1/128)',
    blockList([
      ['127.0.0.0', 8],
      ['::1', 128],
    ]),
  ],
  [
    'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    blockList([
      ['169.254.0.0', 16],
      ['fe80::', 10],
    ]),
  ],
  [
    'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
    blockList([
      ['224.0.0.0', 24],
      ['ff02::', 16],
    ]),
  ],
];

/** Refuses addresses that no endpoint can have. Upstream: `ValidateNonSpecialIP`. The address must be one. */
export function validateNonSpecialIp(field: string, ip: string): FieldError[] {
  const family = isIPv4(ip) ? 'ipv4' : 'ipv6';
  return ranges.flatMap(([detail, list], index) =>
    list.check(ip, family) ? [invalid(field, ip, index === 0 ? `${detail} (${ip})` : detail)] : [],
  );
}

function blockList(subnets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of subnets) list.addSubnet(address, bits, isIPv4(address) ? 'ipv4' : 'ipv6');
  return list;
}
