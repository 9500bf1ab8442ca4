import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeFacts } from '../node.ts';
import { createStack, syncStack } from '../stack.ts';
import { service, slice } from '../testing/objects.ts';
import { nodeIp, startTestNode, type TestNode } from '../testing/sandbox.ts';
import { suiteConfiguration } from '../testing/world.ts';
import { createIpvsDataplane } from './dataplane.ts';

let lab: TestNode;
beforeAll(async () => {
  lab = await startTestNode();
  await Promise.all(['pod1', 'pod2'].map((pod) => lab.serve(pod, pod, [9376])));
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Seconds. */
const silence = 3;

test('an association of SCTP goes on whatever else changes, and ends with its endpoint', async () => {
  expect(await lab.agent.hasSctp()).toBe(true);
  const options = { kernel: lab.kernel, family: 'IPv4', configuration: suiteConfiguration({}) } as const;
  const facts = nodeFacts('worker', undefined, { ips: [nodeIp] });
  const start = () => createStack('IPv4', 'worker', createIpvsDataplane(options));
  const ports = [{ name: 'p80', port: 80, protocol: 'SCTP', nodePort: 30080 }];
  let stack = start();
  const endpoints = async (...ips: string[]) => {
    stack.model.setService('ns/web', service('ns/web', { type: 'NodePort', clusterIP: '10.96.0.10', ports }));
    stack.model.setSlice('ns/web-a', slice('ns/web', ips, { port: 9376, protocol: 'SCTP' }));
    await syncStack(stack, facts);
  };
  // Somebody whom the pods' other addresses cannot be reached from: elsewhere the ends of SCTP try those too, see README.
  const door = { from: 'outside', address: nodeIp, port: 30080, protocol: 'SCTP' } as const;

  await endpoints('10.244.1.5');
  const held = await lab.agent.open(door);
  expect(held.outcome).toMatch(/^pod1 /);
  await endpoints('10.244.1.5', '10.244.1.6');
  expect(await held.talk()).toBe(held.outcome);
  stack = start();
  await endpoints('10.244.1.5', '10.244.1.6');
  expect(await held.talk()).toBe(held.outcome);
  await endpoints('10.244.1.6');
  expect(await held.talk(silence)).not.toMatch(/^pod1 /);
  const [outcome] = Object.keys(await lab.agent.connect(door));
  expect(outcome).toMatch(/^pod2 /);
  await held.close();
  await stack.dataplane.cleanup();
});
