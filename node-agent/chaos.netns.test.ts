import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
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
