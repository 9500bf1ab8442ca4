import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/types.ts';
import { goDuration, nextBackoff, remainingBackoff } from './backoff.ts';
import { type ContainerView, type PodView, podStatus } from './status.ts';

const now = '2026-11-21T16:00:00Z';
const running: ContainerView = {
  state: { running: { startedAt: now } },
  restartCount: 0,
  started: true,
  ready: true,
};
const ended = (exitCode: number): ContainerView => ({
  ...running,
  state: { terminated: { exitCode } },
  started: false,
});
const crashing: ContainerView = {
  ...running,
  state: { waiting: { reason: 'CrashLoopBackOff' } },
  lastState: { terminated: { exitCode: 1 } },
};

const pod = (restartPolicy: string, names = ['a'], init: string[] = []): Pod => ({
  metadata: { name: 'p', namespace: 'default' },
  spec: {
    restartPolicy,
    containers: names.map((name) => ({ name })),
    initContainers: init.map((name) => ({ name })),
  },
});
const view = (containers: Record<string, ContainerView>): PodView => ({
  podIps: ['10.244.1.2'],
  hostIps: ['172.18.0.3'],
  startTime: now,
  sandboxReady: true,
  containers: new Map(Object.entries(containers)),
  now,
});
const condition = (status: ReturnType<typeof podStatus>, type: string) =>
  status.conditions?.find((one) => one.type === type);

describe('podStatus', () => {
  it.each([
    ['Always', { a: running }, 'Running'],
    ['Always', {}, 'Pending'],
    ['Always', { a: ended(0) }, 'Running'],
    ['Always', { a: crashing }, 'Running'],
    ['Never', { a: ended(0) }, 'Succeeded'],
    ['Never', { a: ended(3) }, 'Failed'],
    ['OnFailure', { a: ended(0) }, 'Succeeded'],
    ['OnFailure', { a: ended(1) }, 'Running'],
  ])('with restartPolicy %s and %j is in phase %s', (policy, containers, phase) => {
    expect(podStatus(pod(policy), view(containers as Record<string, ContainerView>)).phase).toBe(phase);
  });

  it('is ready with all containers ready, and says which are not', () => {
    const all = podStatus(pod('Always', ['a', 'b']), view({ a: running, b: running }));
    expect(condition(all, 'Ready')?.status).toBe('True');
    const some = podStatus(pod('Always', ['a', 'b']), view({ a: running, b: { ...running, ready: false } }));
    expect(condition(some, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [b]',
    });
  });

  it('waits for init containers', () => {
    const status = podStatus(pod('Always', ['a'], ['setup']), view({ setup: running }));
    expect(status.phase).toBe('Pending');
    expect(condition(status, 'Initialized')).toMatchObject({
      status: 'False',
      message: 'containers with incomplete status: [setup]',
    });
    expect(status.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: 'PodInitializing' } });
  });

  it('goes on with its sidecars, and is as ready as they are', () => {
    const withSidecar = pod('Never', ['a'], ['proxy', 'setup']);
    Object.assign(withSidecar.spec?.initContainers?.[0] ?? {}, { restartPolicy: 'Always' });
    const phase = (containers: Record<string, ContainerView>) =>
      podStatus(withSidecar, view(containers)).phase;
    expect(phase({ proxy: { ...running, started: false } })).toBe('Pending');
    expect(phase({ proxy: running, setup: running })).toBe('Pending');
    expect(phase({ proxy: running, setup: ended(0), a: running })).toBe('Running');
    expect(phase({ proxy: running, setup: ended(0), a: ended(0) })).toBe('Running');
    expect(phase({ proxy: ended(137), setup: ended(0), a: ended(0) })).toBe('Succeeded');
    const status = podStatus(
      withSidecar,
      view({ proxy: { ...running, ready: false }, setup: ended(0), a: running }),
    );
    expect(condition(status, 'Initialized')?.status).toBe('True');
    expect(condition(status, 'ContainersReady')?.message).toBe('containers with unready status: [proxy]');
    expect(status.initContainerStatuses).toMatchObject([
      { name: 'proxy', ready: false, started: true },
      { name: 'setup', ready: true },
    ]);
  });

  it('says how a pod has ended whose containers were stopped, and why the node ended it', () => {
    const last = (exitCode: number) =>
      podStatus(pod('Always'), { ...view({ a: ended(exitCode) }), finished: true });
    expect([0, 137].map((code) => last(code).phase)).toEqual(['Succeeded', 'Failed']);
    const failure = { reason: 'DeadlineExceeded', message: 'too long' };
    expect(podStatus(pod('Never'), { ...view({ a: running }), failure })).toMatchObject({
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'too long',
    });
  });

  it('is completed, not ready, when its work is done', () => {
    const status = podStatus(pod('Never'), view({ a: ended(0) }));
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'PodCompleted' });
  });

  it("keeps others' conditions and the time of what has not changed", () => {
    const before = {
      ...pod('Always'),
      status: {
        conditions: [
          { type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
          { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:01Z' },
        ],
      },
    };
    const status = podStatus(before, view({ a: running }));
    expect(condition(status, 'PodScheduled')?.lastTransitionTime).toBe('2026-01-01T00:00:00Z');
    expect(condition(status, 'Ready')?.lastTransitionTime).toBe('2026-01-01T00:00:01Z');
    expect(condition(status, 'ContainersReady')?.lastTransitionTime).toBe(now);
  });
});

describe('back-off', () => {
  it('restarts at once after the first end, then after 10 s, 20 s … 5 min', () => {
    expect(remainingBackoff(undefined, 1_000, 1_000)).toBe(0);
    let entry = nextBackoff(undefined, 1_000, 1_000);
    expect(remainingBackoff(entry, 2_000, 3_000)).toBe(9_000);
    const delays = Array.from({ length: 6 }, (_, i) => {
      entry = nextBackoff(entry, 2_000 + i, 2_000 + i);
      return entry.delay;
    });
    expect(delays).toEqual([20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  });

  it('begins anew after ten quiet minutes', () => {
    const entry = { delay: 300_000, updatedAt: 0 };
    expect(remainingBackoff(entry, 600_001, 600_002)).toBe(0);
    expect(nextBackoff(entry, 600_001, 600_002).delay).toBe(10_000);
  });

  it('is printed as Go prints durations', () => {
    expect([10_000, 80_000, 300_000].map(goDuration)).toEqual(['10s', '1m20s', '5m0s']);
  });
});
