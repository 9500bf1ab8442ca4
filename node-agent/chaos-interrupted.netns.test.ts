import { afterAll, beforeAll, expect, it } from 'vitest';
import { interrupt, warmUp } from './testing/interrupted.ts';
import { type Interruption, type Scene, startScene } from './testing/scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await startScene('worker');
  await warmUp(scene);
}, 60_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

// A few of all, which the soak run tries.
const moments: Interruption[] = [
  { moment: 'during', command: 1 },
  { moment: 'after', command: 4 },
  { moment: 'before', command: 7 },
];

it.each(moments)('a node-agent killed $moment its command $command leaves and loses nothing', async (one) => {
  expect(await interrupt(scene, one)).toBe(true);
});
