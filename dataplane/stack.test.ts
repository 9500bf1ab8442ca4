import { expect, test } from 'vitest';
import type { Dataplane } from './dataplane.ts';
import { nodeFacts } from './node.ts';
import { createStack, syncStack } from './stack.ts';
import { service, slice } from './testing/objects.ts';

/** A way into a kernel that takes everything; what is counted here depends on rows alone. */
const content: Dataplane = {
  family: 'IPv4',
  adopt: async () => undefined,
  sync: async () => ({ text: '', created: 0, changed: 0, deleted: 0 }),
  verify: async () => undefined,
  cleanup: async () => undefined,
};
const here = 'worker';
const near = [here, 'node1', 'node2'];
const far = ['node0', 'node1', 'node2'];
const [inside, outside] = [{ internalTrafficPolicy: 'Local' }, { externalTrafficPolicy: 'Local' }];

/** Rows of upstream's `TestNoEndpointsMetric`; a Service that has no endpoint anywhere is not counted. */
test.each([
  ['Local inside, some here', inside, near, { internal: 0, external: 0 }],
  ['Local outside, some here', outside, near, { internal: 0, external: 0 }],
  ['both, some here', { ...inside, ...outside }, near, { internal: 0, external: 0 }],
  ['Local inside, none here', inside, far, { internal: 1, external: 0 }],
  ['Local outside, none here', outside, far, { internal: 0, external: 1 }],
  ['both, none here', { ...inside, ...outside }, far, { internal: 1, external: 1 }],
  ['both, none anywhere', { ...inside, ...outside }, [], { internal: 0, external: 0 }],
])('Service ports without a local endpoint: %s', async (_, policies, nodes, expected) => {
  const stack = createStack('IPv4', here, content);
  const ports = [{ name: 'p80', port: 80, nodePort: 30_123 }];
  const spec = { type: 'NodePort', clusterIP: '172.30.1.1', ports, ...policies };
  const sync = () => syncStack(stack, nodeFacts(here, undefined));
  stack.model.setService('ns1/svc1', service('ns1/svc1', spec));
  stack.model.setSlice(
    'ns1/svc1-a',
    slice(
      'ns1/svc1',
      nodes.map((node, i) => ({ ip: `10.0.1.${i + 1}`, node })),
    ),
  );
  await sync();
  expect(stack.seen.withoutLocal).toEqual(expected);
  stack.model.setService('ns1/svc1', undefined);
  await sync();
  expect(stack.seen.withoutLocal).toEqual({ internal: 0, external: 0 });
});
