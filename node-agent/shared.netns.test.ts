import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PodScene, shell, startPodScene } from './testing/pods.ts';

let scene: PodScene;
beforeAll(async () => {
  scene = await startPodScene();
}, 60_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

it('containers that share processes see and signal each other, and each ends by itself', async () => {
  await scene.create('together', {
    shareProcessNamespace: true,
    containers: [
      shell('exec sleep 4321', { name: 'other' }),
      shell(
        'until pgrep -f "sleep 432[1]" >/dev/null; do sleep 0.1; done; head -zn2 /proc/1/cmdline | tr "\\0" " "; echo; (sleep 600 &) ; pkill -f "sleep 432[1]"; echo well; exit 4',
      ),
    ],
    restartPolicy: 'Never',
  });
  const pod = await scene.podWhere('together', ({ status }) => status?.phase === 'Failed');
  const ends = pod.status?.containerStatuses?.map(({ state }) => state?.terminated?.exitCode);
  expect(ends).toEqual([143, 4]);
  expect(await scene.log(pod, 'main')).toBe('perl -e \nwell\n');
  // And with the pod all that is left of it.
  await scene.delete('together');
  expect(await scene.onNode(['sh', '-c', 'cat /proc/[0-9]*/cmdline | grep -ac "[s]leep.600"; true'])).toBe(
    '0\n',
  );
});

it('hostPID and hostIPC are those of the node', async () => {
  await scene.create('host', {
    hostPID: true,
    hostIPC: true,
    containers: [
      shell(
        'cat /proc/1/cmdline | tr "\\0" " "; echo; readlink /proc/self/ns/ipc; (ls /proc/1/root/) 2>&1 | tail -1',
      ),
    ],
    restartPolicy: 'Never',
  });
  const pod = await scene.podWhere('host', ({ status }) => status?.phase === 'Succeeded');
  const [first, ipc, root] = (await scene.log(pod, 'main')).split('\n');
  expect(first?.trim()).toBe((await scene.onNode(['sh', '-c', 'cat /proc/1/cmdline | tr "\\0" " "'])).trim());
  expect(`${ipc}\n`).toBe(await scene.onNode(['readlink', '/proc/self/ns/ipc']));
  expect(root).toMatch(/Permission denied/);
  // The limit of processes is a container's, not the node's.
  expect(Number(await scene.onNode(['cat', '/proc/sys/kernel/pid_max']))).toBeGreaterThan(30_000);
});
