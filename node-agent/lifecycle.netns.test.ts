import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PodScene, shell, startPodScene } from './testing/pods.ts';

let scene: PodScene;
beforeAll(async () => {
  scene = await startPodScene();
}, 60_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

const events = (name: string, container?: string) => scene.events(name, container);
const ready = { exec: { command: ['true'] } };

describe('a sidecar', () => {
  it('starts before what comes after it, and ends after it, the last one first', async () => {
    const volumeMounts = [{ name: 'data', mountPath: '/data' }];
    const tell = (name: string) =>
      `echo "+${name}" >> /data/x; trap 'echo "-${name}" >> /data/x; exit 0' TERM; touch /tmp/up; while :; do sleep 0.1; done`;
    const startupProbe = { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1 };
    const sidecar = (name: string) =>
      shell(tell(name), { name, volumeMounts, startupProbe, restartPolicy: 'Always' });
    await scene.create('sidecars', {
      volumes: [{ name: 'data', emptyDir: {} }],
      initContainers: [
        sidecar('first'),
        sidecar('second'),
        shell('echo init >> /data/x', { name: 'init', volumeMounts }),
      ],
      containers: [shell('echo main >> /data/x; sleep 1', { volumeMounts })],
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 30,
    });
    const pod = await scene.podWhere('sidecars', ({ status }) => status?.phase === 'Succeeded');
    const order = await scene.read(pod, 'volumes/data/x');
    expect(order.trim().split('\n')).toEqual(['+first', '+second', 'init', 'main', '-second', '-first']);
    expect(pod.status?.initContainerStatuses?.map(({ restartCount }) => restartCount)).toEqual([0, 0, 0]);
  });

  it('is started again beside its pod', async () => {
    await scene.create('again', {
      initContainers: [shell('sleep 0.5', { name: 'short', restartPolicy: 'Always' })],
      containers: [shell('sleep 60')],
      restartPolicy: 'Never',
    });
    const pod = await scene.podWhere(
      'again',
      ({ status }) => (status?.initContainerStatuses?.[0]?.restartCount ?? 0) > 0,
    );
    expect(pod.status?.phase).toBe('Running');
  });
});

describe('life cycle hooks', () => {
  it('hold up Running and the next container, and come before SIGTERM', async () => {
    const volumeMounts = [{ name: 'data', mountPath: '/data' }];
    await scene.create('hooks', {
      volumes: [{ name: 'data', emptyDir: {} }],
      containers: [
        shell(
          'echo started >> /data/x; trap "echo term >> /data/x; exit 0" TERM; while :; do sleep 0.1; done',
          {
            volumeMounts,
            readinessProbe: ready,
            lifecycle: {
              postStart: { exec: { command: ['sh', '-c', 'sleep 0.5; echo post >> /data/x'] } },
              preStop: {
                exec: { command: ['sh', '-c', 'echo pre >> /data/x; sleep 0.3; echo over >> /data/x'] },
              },
            },
          },
        ),
        shell('echo other >> /data/x; exec sleep 60', { name: 'other', volumeMounts }),
      ],
      terminationGracePeriodSeconds: 3,
    });
    const pod = await scene.podWhere('hooks', scene.isReady);
    const file = await scene.hold(pod, 'volumes/data/x');
    await scene.delete('hooks');
    const held = await file();
    expect(held.replace(/^other\n/m, '')).toBe('started\npost\npre\nover\nterm\n');
    expect(held.indexOf('other')).toBeGreaterThan(held.indexOf('post'));
  });

  it('end the container when they fail', async () => {
    await scene.create('failing', {
      containers: [shell('exec sleep 60', { lifecycle: { postStart: { exec: { command: ['false'] } } } })],
      terminationGracePeriodSeconds: 1,
    });
    await scene.podWhere(
      'failing',
      ({ status }) => (status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode ?? 0) === 137,
    );
    expect(await events('failing', 'main')).toEqual(
      expect.arrayContaining([
        'Warning FailedPostStartHook PostStartHook failed',
        'Normal Killing FailedPostStartHook',
      ]),
    );
  });
});

describe('a container that is not healthy', () => {
  it("is ended with the probe's own grace period and started again", async () => {
    await scene.create('sick', {
      containers: [
        shell('trap "" TERM; while :; do sleep 0.1; done', {
          livenessProbe: {
            exec: { command: ['cat', '/tmp/healthy'] },
            periodSeconds: 1,
            failureThreshold: 1,
            terminationGracePeriodSeconds: 1,
          },
        }),
      ],
      terminationGracePeriodSeconds: 600,
    });
    const pod = await scene.podWhere(
      'sick',
      (seen) => (seen.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0,
    );
    expect(pod.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
      exitCode: 137,
      reason: 'Error',
    });
    expect(await events('sick', 'main')).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Warning Unhealthy Liveness probe failed: cat: .*\/tmp\/healthy/),
        'Normal Killing Container main failed liveness probe, will be restarted',
      ]),
    );
    await scene.delete('sick', 0);
  });
});

describe('the end of a container', () => {
  it('is told with what it has left, or the end of its log', async () => {
    await scene.create('last-words', {
      containers: [
        shell('echo goodbye > /dev/termination-log; exit 3'),
        shell('echo one; echo two >&2; exit 4', {
          name: 'log',
          terminationMessagePolicy: 'FallbackToLogsOnError',
        }),
        shell('printf DONE; exit 5', {
          name: 'unended',
          terminationMessagePolicy: 'FallbackToLogsOnError',
        }),
      ],
      restartPolicy: 'Never',
    });
    const pod = await scene.podWhere('last-words', ({ status }) => status?.phase === 'Failed');
    const [main, log, unended] = pod.status?.containerStatuses?.map(({ state }) => state?.terminated) ?? [];
    expect(main).toMatchObject({ exitCode: 3, message: 'goodbye\n', reason: 'Error' });
    expect(log?.message?.trim().split('\n').sort()).toEqual(['one', 'two']);
    expect(unended?.message).toBe('DONE');
  });

  it('comes to all when the pod has been active for too long', async () => {
    await scene.create('late', { containers: [shell('exec sleep 60')], activeDeadlineSeconds: 1 });
    const pod = await scene.podWhere('late', ({ status }) => status?.phase === 'Failed');
    expect(pod.status).toMatchObject({
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    });
    await scene.podWhere(
      'late',
      ({ status }) => status?.containerStatuses?.[0]?.state?.terminated !== undefined,
    );
  });

  it('leaves a pod ready, and its probes at work, until it comes', async () => {
    await scene.create('leaving', {
      containers: [
        shell('touch /tmp/up; trap "" TERM; while :; do sleep 0.1; done', {
          readinessProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1 },
        }),
      ],
      terminationGracePeriodSeconds: 600,
    });
    await scene.podWhere('leaving', scene.isReady);
    await scene.delete('leaving', 300, { wait: false });
    const pod = await scene.podWhere('leaving', ({ metadata }) => metadata?.deletionTimestamp !== undefined);
    expect(scene.isReady(pod)).toBe(true);
    await scene.inside(pod, 'main', ['rm', '/tmp/up']);
    await scene.podWhere('leaving', (seen) => !scene.isReady(seen));
    await scene.delete('leaving', 0);
  });
});
