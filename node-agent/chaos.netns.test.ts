import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { Pod } from '../api/types.ts';
import { type PodScene, shell, startPodScene } from './testing/pods.ts';

let scene: PodScene;
beforeAll(async () => {
  scene = await startPodScene();
}, 60_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

const namespace = 'default';

describe('the status of a pod', () => {
  it('is put right when others have called it not ready, as those of a silent node', async () => {
    await scene.create('disturbed', { containers: [shell('exec sleep 600')] });
    const { status } = await scene.podWhere('disturbed', scene.isReady);
    const conditions = status?.conditions?.map((one) =>
      one.type === 'Ready' ? { ...one, status: 'False' } : one,
    );
    const ref = { name: 'disturbed', namespace, subresource: 'status' };
    const { metadata } = await scene.client.patch(resources.pods, ref, 'merge', { status: { conditions } });
    const after = await scene.podWhere('disturbed', scene.isReady);
    expect(Number(after.metadata?.resourceVersion)).toBeGreaterThan(Number(metadata?.resourceVersion));
    expect(after.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  });
});

describe('a pod that', () => {
  it('starts processes without end is held, told of, and leaves others alone', async () => {
    const bomb = 'mkfifo /tmp/never; (while :; do (sleep 600 &); done) 2>/dev/null; read x < /tmp/never';
    const bystander = await neighbour();
    await scene.create('bomb', { containers: [shell(bomb)] });
    const pod = await scene.podWhere('bomb', scene.isReady);
    const told = await scene.until(async () =>
      (await scene.events('bomb', 'main')).find((line) => line.includes('PIDLimitReached')),
    );
    expect(told).toBe(
      'Warning PIDLimitReached Container main can start no more processes: its PID namespace has room for 1024 (kernel.pid_max)',
    );
    await expect(scene.inside(pod, 'main', ['true'])).rejects.toThrow(/[Rr]esource temporarily unavailable/);
    await unharmed(bystander);
    await scene.delete('bomb');
  });

  it('ignores SIGTERM is killed when its time is up, and leaves others alone', async () => {
    const bystander = await neighbour();
    await scene.create('stuck', {
      containers: [shell('trap "" TERM INT HUP; mkfifo /tmp/never; while :; do read x < /tmp/never; done')],
      terminationGracePeriodSeconds: 600,
    });
    await scene.podWhere('stuck', scene.isReady);
    await scene.delete('stuck', undefined, { wait: false });
    await unharmed(bystander);
    const { items } = await scene.client.list(resources.pods, { namespace });
    expect(
      items.find(({ metadata }) => metadata?.name === 'stuck')?.metadata?.deletionTimestamp,
    ).toBeDefined();
    await scene.delete('stuck', 1);
  });

  it('says more than fits is heard to the end, in logs that are bounded', async () => {
    await scene.create('chatty', {
      containers: [shell('yes v9s-has-much-to-say | head -c 33000000; echo; echo the end')],
      restartPolicy: 'Never',
    });
    const pod = await scene.podWhere('chatty', ({ status }) => status?.phase === 'Succeeded');
    expect(await scene.log(pod, 'main')).toMatch(/\nthe end\n$/);
    const folder = `/run/v9s/nodes/control-plane/pods/${pod.metadata?.uid}/containers/main`;
    const bytes = await scene.onNode(['sh', '-c', `cat ${folder}/0.log* | wc -c`]);
    expect(Number(bytes)).toBeLessThan(22_000_000);
    await scene.delete('chatty');
  });
});

/** A pod that answers. */
async function neighbour(): Promise<Pod> {
  await scene.create('neighbour', {
    containers: [{ name: 'main', image: 'k8s.gcr.io/serve_hostname', ports: [{ containerPort: 9376 }] }],
  });
  return scene.podWhere('neighbour', scene.isReady);
}

/** It answers still, as it was; another one starts; and it goes when it shall. */
async function unharmed({ metadata, status }: Pod): Promise<void> {
  expect(await scene.onNode(['curl', '-s', '--max-time', '10', `http://${status?.podIP}:9376`])).toBe(
    'neighbour',
  );
  await scene.create('next', { containers: [shell('exec sleep 600')] });
  await scene.podWhere('next', scene.isReady);
  const now = await scene.podWhere('neighbour', scene.isReady);
  expect(now.metadata?.uid).toBe(metadata?.uid);
  expect(now.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  await Promise.all([scene.delete('next'), scene.delete('neighbour')]);
}
