import { resources } from '../../api/scheme.ts';
import type { Job, JobSpec } from '../../api/types.ts';
import { type Check, expectThat, nameOf, shell, type World } from './world.ts';

const { jobs, cronjobs, pods } = resources;

const job = (script: string, more: Partial<JobSpec> = {}) => ({
  spec: { ...more, template: { spec: { restartPolicy: 'Never', containers: [shell(script)] } } },
});

const ended = (world: World, name: string, type: 'Complete' | 'Failed'): Promise<Job> =>
  world.until(`Job ${name} is ${type}`, async () => {
    const found = await world.get(jobs, name);
    return (
      (found.status?.conditions ?? []).some((one) => one.type === type && one.status === 'True') && found
    );
  });

export const batchChecks: readonly Check[] = [
  {
    name: 'Job: so many completions with so many pods at a time',
    async run(world) {
      await world.make(jobs, 'sum', job('sleep 0.2', { completions: 5, parallelism: 2 }));
      let most = 0;
      await world.until('five completions', async () => {
        const { status } = await world.get(jobs, 'sum');
        most = Math.max(most, status?.active ?? 0);
        return status?.succeeded === 5;
      });
      const { status } = await ended(world, 'sum', 'Complete');
      expectThat(most <= 2, 'at most two pods at a time', most);
      expectThat(status?.completionTime !== undefined, 'a completion time', status);
    },
  },
  {
    name: 'Job: one that fails is tried again, and given up after backoffLimit',
    async run(world) {
      await world.make(jobs, 'bad', job('exit 3', { backoffLimit: 1 }));
      const { status } = await ended(world, 'bad', 'Failed');
      const [condition] = status?.conditions ?? [];
      expectThat(condition?.reason === 'BackoffLimitExceeded', 'BackoffLimitExceeded', status);
      expectThat(status?.failed === 2, 'two failed pods', status);
    },
  },
  {
    name: 'Job: activeDeadlineSeconds ends its pods',
    async run(world) {
      await world.make(jobs, 'late', job('sleep 1000', { activeDeadlineSeconds: 2 }));
      const { status } = await ended(world, 'late', 'Failed');
      expectThat(status?.conditions?.[0]?.reason === 'DeadlineExceeded', 'DeadlineExceeded', status);
      await world.until('its pod is gone', async () => (await world.list(pods)).length === 0);
    },
  },
  {
    name: 'CronJob: a Job every minute, and kubectl create job --from',
    async run(world) {
      await world.make(cronjobs, 'tick', {
        spec: { schedule: '* * * * *', successfulJobsHistoryLimit: 1, jobTemplate: job('true') },
      });
      await world.kubectl('create', 'job', '-n', world.namespace, '--from=cronjob/tick', 'by-hand');
      await ended(world, 'by-hand', 'Complete');
      const own = await world.until('a Job of its own, complete', async () => {
        const all = await world.list(jobs);
        return all.find((one) => nameOf(one) !== 'by-hand' && one.status?.succeeded === 1);
      });
      expectThat(
        own.metadata?.ownerReferences?.[0]?.kind === 'CronJob',
        'owned by the CronJob',
        own.metadata,
      );
      const { status } = await world.get(cronjobs, 'tick');
      expectThat(status?.lastScheduleTime !== undefined, 'lastScheduleTime', status);
    },
  },
];
