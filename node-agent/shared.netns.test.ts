import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
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

it('an ephemeral container sees the processes of its target, once, and changes nothing else', async () => {
  await scene.create('target', { containers: [shell('exec sleep 4322', { name: 'main' })] });
  await scene.podWhere('target', scene.isReady);
  const ref = { name: 'target', namespace: 'default', subresource: 'ephemeralcontainers' };
  const add = (ephemeralContainers: object[]) =>
    scene.client.patch(resources.pods, ref, 'strategic', { spec: { ephemeralContainers } });
  const debug = {
    ...shell('tr "\\0" " " < /proc/1/cmdline; echo; hostname; exit 3'),
    name: 'debug',
    targetContainerName: 'main',
  };
  await add([debug]);
  const pod = await scene.podWhere(
    'target',
    ({ status }) => status?.ephemeralContainerStatuses?.[0]?.state?.terminated !== undefined,
  );
  expect(pod.status?.ephemeralContainerStatuses?.[0]).toMatchObject({
    name: 'debug',
    restartCount: 0,
    state: { terminated: { exitCode: 3 } },
  });
  expect(await scene.log(pod, 'debug')).toBe('sleep 4322 \ntarget\n');
  expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  expect(scene.isReady(pod)).toBe(true);
  await scene.until(async () =>
    (await scene.events('target', 'debug')).includes('Normal Started Started container debug'),
  );

  await expect(add([{ ...debug, image: 'curl' }])).rejects.toThrow(
    'existing ephemeral containers "debug" may not be changed',
  );
  await expect(add([{ ...debug, name: 'main' }])).rejects.toThrow('Duplicate value: "main"');
  await expect(add([{ ...debug, name: 'x', ports: [{ containerPort: 1 }] }])).rejects.toThrow(
    'cannot be set for an Ephemeral Container',
  );
});
