import { expect, test } from 'vitest';
import type { Node } from '../api/types.ts';
import { nodeFacts } from './node.ts';

const node = (...addresses: [type: string, address: string][]): Node => ({
  metadata: { name: 'worker' },
  status: { addresses: addresses.map(([type, address]) => ({ type, address })) },
});
const dual = node(['InternalIP', '90.90.90.90'], ['InternalIP', 'FD00:4321::1']);

/** Rows of upstream's `TestGetNodeHostIPs` and `Test_detectNodeIPs`. */
test.each<[name: string, given: string[], node: Node | undefined, ips: string[]]>([
  ['no Node, no address', [], undefined, []],
  ['no Node, an address of the command line', ['10.0.0.1'], undefined, ['10.0.0.1']],
  ['internal only', [], node(['InternalIP', '1.2.3.4']), ['1.2.3.4']],
  ['external only', [], node(['ExternalIP', '1.2.3.4']), ['1.2.3.4']],
  ['internal before external', [], node(['ExternalIP', '4.3.2.1'], ['InternalIP', '1.2.3.4']), ['1.2.3.4']],
  ['the first of several', [], node(['InternalIP', '1.2.3.4'], ['InternalIP', '4.3.2.1']), ['1.2.3.4']],
  ['both families', [], dual, ['90.90.90.90', 'fd00:4321::1']],
  ['neither: a name', [], node(['Hostname', '1.2.3.4']), []],
  [
    'one family internal, the other external',
    [],
    node(['ExternalIP', 'a:b::c:d'], ['InternalIP', '1.2.3.4']),
    ['1.2.3.4', 'a:b::c:d'],
  ],
  ['IPv4 overridden, IPv6 of the Node', ['80.80.80.80'], dual, ['80.80.80.80', 'fd00:4321::1']],
  ['IPv6 overridden, IPv4 of the Node', ['fd00:1234::1'], dual, ['fd00:1234::1', '90.90.90.90']],
])('addresses of a node: %s', (_, ips, object, expected) => {
  expect(nodeFacts('worker', object, { ips }).ips).toEqual(expected);
});

test('where nobody looked, a node has the addresses that its object names', () => {
  const object = node(['InternalIP', '1.2.3.4'], ['InternalIP', '4.3.2.1'], ['Hostname', 'worker']);
  expect(nodeFacts('worker', object).localAddresses).toEqual(['127.0.0.1', '::1', '1.2.3.4', '4.3.2.1']);
  expect(nodeFacts('worker', object, { localAddresses: ['192.0.2.1'] }).localAddresses).toEqual([
    '192.0.2.1',
  ]);
});
