import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import { type PodScene, shell, startPodScene } from './testing/pods.ts';

let scene: PodScene;
beforeAll(async () => {
  scene = await startPodScene({ disk: '4m' });
}, 60_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

const folder = '/run/v9s/nodes/control-plane';
/** Takes all there is but a page, and that as well. */
const fill = `dd if=/dev/zero of=${folder}/host/full bs=64k 2>/dev/null; while echo >> ${folder}/host/full; do :; done 2>/dev/null; true`;
/** Waits until the node says that of its disk. */
const diskPressure = (wanted: string) =>
  scene.until(async () => {
    const { status } = await scene.client.get(resources.nodes, { name: 'control-plane' });
    const condition = status?.conditions?.find(({ type }) => type === 'DiskPressure');
    return `${condition?.status} ${condition?.reason}` === wanted;
  });
const onNode = (script: string) => scene.onNode(['sh', '-c', script]);

it('a full disk keeps new pods waiting, tells of it, and leaves those alone that run', async () => {
  const say = 'while [ ! -e /tmp/end ]; do echo line; sleep 0.05; done; exit 3';
  await scene.create('before', { containers: [shell(say)], restartPolicy: 'Never' });
  const before = await scene.podWhere('before', scene.isReady);
  await onNode(`mkdir -p ${folder}/host; ${fill}`);

  await scene.create('late', {
    volumes: [{ name: 'data', emptyDir: {} }],
    containers: [shell('exec sleep 600', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
  });
  const told = await scene.until(async () =>
    (await scene.events('late')).find((line) => line.startsWith('Warning')),
  );
  expect(told).toMatch(
    /^Warning (FailedCreatePodSandBox|FailedMount|Failed) .*ENOSPC: no space left on device/,
  );
  expect(await scene.inside(before, 'main', ['echo', 'well'])).toBe('well\n');

  await diskPressure('True KubeletHasDiskPressure');

  // How a container ends is known all the same.
  await scene.inside(before, 'main', ['touch', '/tmp/end']);
  const ended = await scene.podWhere('before', ({ status }) => status?.phase === 'Failed');
  expect(ended.status?.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(3);

  await onNode(`rm ${folder}/host/full`);
  await diskPressure('False KubeletHasNoDiskPressure');
  expect(await scene.events('control-plane')).toContain(
    'Normal NodeHasDiskPressure Node control-plane status is now: NodeHasDiskPressure',
  );
  const late = await scene.podWhere('late', scene.isReady);
  expect(late.status?.containerStatuses?.[0]?.restartCount).toBe(0);
});
