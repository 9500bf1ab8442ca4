import { expect, test } from 'vitest';
import type { Endpoint, Node } from '../../api/types.ts';
import { cpuShares, withTopologyHints } from './topology.ts';

const node = (zone: string | undefined, cpu: string, labels: Record<string, string> = {}): Node => ({
  metadata: { labels: { ...labels, ...(zone ? { 'topology.kubernetes.io/zone': zone } : {}) } },
  status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: 'True' }] },
});
const endpoints = (...zones: string[]): Endpoint[] =>
  zones.map((zone, index) => ({ addresses: [`10.0.0.${index}`], conditions: { ready: true }, zone }));
const hinted = (of: Endpoint[], nodes: Node[]) =>
  withTopologyHints(of, cpuShares(nodes))
    .map(({ hints }) => hints?.forZones?.[0]?.name ?? '-')
    .join('');

const even = [node('a', '4'), node('b', '4'), node('c', '4')];

test.each<[string, Endpoint[], Node[], string]>([
  ['each in its own zone', endpoints('a', 'b', 'c'), even, 'abc'],
  ['moved where one is missing', endpoints('a', 'a', 'b', 'b', 'b', 'c'), even, 'aabbcc'],
  ['fewer endpoints than zones', endpoints('a', 'b'), even, '--'],
  ['all in one zone', endpoints('a', 'a', 'a'), even, 'acb'],
  [
    'by the size of zones',
    endpoints('a', 'a', 'a', 'a', 'b', 'b'),
    [node('a', '2'), node('b', '4')],
    'aabbbb',
  ],
  ['one zone only', endpoints('a', 'a'), [node('a', '4'), node('a', '4')], '--'],
  ['a node without a zone', endpoints('a', 'b'), [...even.slice(0, 2), node(undefined, '4')], '--'],
  [
    'control planes do not count',
    endpoints('a', 'b'),
    [...even.slice(0, 2), node(undefined, '4', { 'node-role.kubernetes.io/control-plane': '' })],
    'ab',
  ],
])('%s', (_what, of, nodes, expected) => {
  expect(hinted(of, nodes)).toBe(expected);
});

test('what is not ready gets none and does not count', () => {
  const [first, second, third] = endpoints('a', 'b', 'b');
  const of = [first, second, { ...third, conditions: { ready: false } }] as Endpoint[];
  expect(hinted(of, even.slice(0, 2))).toBe('ab-');
});
