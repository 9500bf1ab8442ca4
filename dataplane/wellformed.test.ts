import { expect, test } from 'vitest';
import { parseObjects } from './objects.ts';
import { renderRules } from './render.ts';
import { wellFormed } from './wellformed.ts';

const service = (spec: string, metadata = 'name: a') =>
  `kind: Service\nmetadata: {${metadata}}\nspec: {${spec}}\n`;

test.each([
  [service('ports: x'), 'Service "default/a": spec.ports: "x" is not a list'],
  [service('ports: [{port: 0}]'), 'spec.ports[0].port: 0 is not a port, 1 to 65535'],
  [service('ports: [{port: "80"}]'), 'spec.ports[0].port: "80" is not a port'],
  [service('ports: [{port: 80, protocol: tcp}]'), 'protocol: "tcp" is not one of TCP, UDP, SCTP'],
  [service('clusterIP: 10.0.0.300'), 'spec.clusterIP: "10.0.0.300" is not an IP address'],
  [service('loadBalancerSourceRanges: 5'), 'spec.loadBalancerSourceRanges: 5 is not a list'],
  [service('ports: []', 'name: "a\\"b"'), 'metadata.name: "a\\"b" is not a name of'],
  ['kind: Service\nspec: {}\n', 'Service "default/": metadata.name: Required value'],
  ['kind: Service\nmetadata: [a]\nspec: {}\n', 'metadata.name: Required value'],
  ['kind: Node\nmetadata: {name: n}\nspec: {podCIDR: ten}\n', 'Node "n": spec.podCIDR: "ten" is not a CIDR'],
  [
    'kind: EndpointSlice\nmetadata: {name: s}\nendpoints: [{conditions: {ready: "yes"}}]\n',
    'EndpointSlice "default/s": endpoints[0].conditions.ready: "yes" is not a boolean',
  ],
])('%j is refused', async (text, message) => {
  const error = await renderRules({ objects: text, nodeName: 'n' }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: 'ObjectsError', message: expect.stringContaining(message) });
});

test('nulls count as absent, and unknown fields and kinds are nobody’s business', async () => {
  const text = `
kind: Service
metadata: { name: a, labels: null, annotations: { b: 5 } }
spec: { clusterIP: 10.96.0.1, externalIPs: null, selector: 7, ports: [{ port: 80, name: null, nodePort: null }] }
status: null
---
kind: Pod
spec: 3
`;
  const [object] = (await parseObjects(text)).map(wellFormed);
  expect(object).toEqual({
    kind: 'Service',
    metadata: { name: 'a', annotations: { b: 5 } },
    spec: { clusterIP: '10.96.0.1', selector: 7, ports: [{ port: 80 }] },
  });
  expect(await renderRules({ objects: text, nodeName: 'n' })).toContain('"default/a has no endpoints"');
});
