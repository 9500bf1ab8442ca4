import { afterAll, beforeAll, expect, it } from 'vitest';
import { interrupt, warmUp } from './testing/interrupted.ts';
import { type Scene, startScene } from './testing/scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await startScene('worker');
  await warmUp(scene);
}, 60_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

it.each(['before', 'during', 'after'] as const)(
  'a node-agent may be killed %s any of its commands, and nothing is lost or left',
  async (moment) => {
    let command = 1;
    while (await interrupt(scene, { moment, command })) command++;
    expect(command).toBeGreaterThan(5);
  },
);
