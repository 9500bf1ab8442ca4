import { afterAll, beforeAll, expect, it } from 'vitest';
import { startInformer } from '../../api/informer.ts';
import { resources } from '../../api/scheme.ts';
import type { CoreEvent, Pod } from '../../api/types.ts';
import { type AgentProcess, type Scene, startScene } from '../testing/scene.ts';

let scene: Scene;
let agent: AgentProcess;

/** Five addresses for pods. */
const podCIDR = '10.244.9.0/29';

beforeAll(async () => {
  scene = await startScene('worker');
  await scene.client.create(resources.nodes, { metadata: { name: 'worker' }, spec: { podCIDR } });
  agent = await scene.startAgent('worker');
});

afterAll(() => scene?.[Symbol.asyncDispose]());

const create = (name: string) =>
  scene.client.create(resources.pods, {
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: 'worker',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }],
    },
  });

const remove = (name: string) => scene.client.delete(resources.pods, { name, namespace: 'default' });

/** Resolves when the pods are as wanted. */
async function pods(satisfied: (pods: Pod[]) => boolean): Promise<Pod[]> {
  const ending = new AbortController();
  try {
    return await new Promise((resolve, reject) => {
      const informer = startInformer(scene.client, resources.pods, {
        signal: ending.signal,
        onError: reject,
      });
      const look = () => {
        const seen = [...informer.store.values()];
        if (satisfied(seen)) resolve(seen);
      };
      informer.onChange(look);
      informer.synced.then(look, reject);
    });
  } finally {
    ending.abort();
  }
}

const running = (list: Pod[]) => list.filter(({ status }) => status?.phase === 'Running' && status.podIP);
const addresses = (list: Pod[]) => new Set(running(list).map(({ status }) => status?.podIP));
const inNode = (line: string) => scene.run('worker', ['sh', '-c', line]);

it('a pod without an address is told of by an event, waits, and the others go on', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e', 'late']) await create(name);
  const five = await pods((list) => running(list).length === 5);
  expect(addresses(five).size).toBe(5);
  const message =
    'failed to allocate for range 0: no IP addresses available in range set: 10.244.9.1-10.244.9.6';
  let event: CoreEvent | undefined;
  while (!event) {
    const { items } = await scene.client.list(resources.events, { namespace: 'default' });
    event = items.find(({ reason }) => reason === 'FailedCreatePodSandBox');
  }
  expect(event).toMatchObject({ type: 'Warning', message: `Failed to create pod sandbox: ${message}` });
  expect(Number(await inNode('ip -br link show type veth | grep -c ^veth'))).toBe(5);

  const waiting = five.find((pod) => !running([pod]).length)?.metadata?.name ?? '';
  const gone = ['a', 'b', 'c', 'd', 'e', 'late'].find((name) => name !== waiting) ?? '';
  await remove(gone);
  const again = await pods((list) => list.length === 5 && running(list).length === 5);
  expect(addresses(again).size).toBe(5);
});

it('what belonged to a pod that went while nobody looked is free again', async () => {
  await agent.kill();
  const before = await pods((list) => list.length === 5);
  for (const { metadata } of before) await remove(metadata?.name ?? '');
  await pods((list) => list.length === 0);
  // As if it had been interrupted before it made the folder of a pod.
  await inNode('cd /run/v9s/nodes/worker; echo nobody > networks/cbr0/10.244.9.6');
  agent = await scene.startAgent('worker');
  // That they must wait for the node's network is nothing to complain of.
  expect(agent.complaints()).not.toContain('no pod network yet');
  for (const name of ['v', 'w', 'x', 'y', 'z']) await create(name);
  const five = await pods((list) => running(list).length === 5);
  expect(addresses(five).size).toBe(5);
  expect(Number(await inNode('ip -br link show type veth | grep -c ^veth'))).toBe(5);
});
