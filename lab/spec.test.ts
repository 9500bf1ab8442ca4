import { expect, test } from 'vitest';
import { type ComponentSpec, validateNames } from './spec.ts';

const nodes = [
  { name: 'control-plane', address: '172.18.0.2' },
  { name: 'worker', address: '172.18.0.3' },
];
const component: ComponentSpec = { name: 'node-worker', node: 'worker', command: ['node', 'dist/node.cjs'] };
const lab = { name: 'demo', nodes, components: [component] };

test('a good lab passes', () => {
  expect(() => validateNames(lab)).not.toThrow();
});

test.each([
  [{ ...lab, name: '../demo' }, 'lab name "../demo" must be'],
  [{ ...lab, name: '' }, 'lab name "" must be'],
  [{ ...lab, nodes: [...nodes, { name: 'a b', address: '172.18.0.4' }] }, 'node name "a b" must be'],
  [
    { ...lab, nodes: [...nodes, { name: 'worker', address: '172.18.0.4' }] },
    'node name "worker" is given twice',
  ],
  [
    { ...lab, nodes: [...nodes, { name: 'worker2', address: '172.18.0.3' }] },
    'node "worker2": address 172.18.0.3 belongs to "worker"',
  ],
  [
    { ...lab, nodes: [{ name: 'worker', address: '172.18.0.1' }] },
    'node "worker": address 172.18.0.1 belongs to the gateway',
  ],
  [
    { ...lab, nodes: [{ name: 'worker', address: '10.0.0.1' }] },
    'node "worker": address "10.0.0.1" is not a host address in 172.18.0.0/16',
  ],
  [{ ...lab, nodes: [{ name: 'worker', address: '172.18.255.255' }] }, 'is not a host address'],
  [{ ...lab, components: [component, component] }, 'component name "node-worker" is given twice'],
  [{ ...lab, components: [{ ...component, name: 'lab' }] }, 'component name "lab" is reserved'],
  [{ ...lab, components: [{ ...component, command: [] }] }, 'component "node-worker": command is empty'],
  [
    { ...lab, components: [{ ...component, node: 'worker9' }] },
    'component "node-worker": there is no node "worker9"; nodes are control-plane, worker',
  ],
  [{ ...lab, components: [{ ...component, cwd: 'x' }] }, 'component "node-worker": cwd "x" must be absolute'],
])('a wrong value is named: %#', (wrong, message) => {
  expect(() => validateNames(wrong)).toThrow(message);
});
