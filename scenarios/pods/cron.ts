import { resources } from '../../api/scheme.ts';
import type { Job } from '../../api/types.ts';
import { findCommand } from '../../lab/doctor.ts';
import type { Stage } from '../scenario.ts';
import { articleTimes } from './listing.ts';

/** The article's four Jobs, made of the CronJob by hand: its own come once a minute, and have other names today. */
export async function jobsOfArticle(stage: Stage): Promise<void> {
  const { report } = stage;
  for (const time of articleTimes) {
    if (findCommand('kubectl')) await stage.kubectl(`create job --from=cronjob/hello hello-${time}`);
    else await stage.kubectl('create -f -', JSON.stringify(await jobNamed(stage, `hello-${time}`)));
  }
  report.note(
    `The numbers are the minutes the article's Jobs were for, in seconds since 1970: ${new Date(articleTimes[0] * 1000).toISOString()} and the three after.`,
  );
}

async function jobNamed({ cluster }: Stage, name: string): Promise<Job> {
  const { spec } = await cluster.client.get(resources.cronjobs, { name: 'hello', namespace: 'default' });
  const job = spec?.jobTemplate.spec;
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, ...(job ? { spec: job } : {}) };
}

const scheduled = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

/** The CronJob's own first Job, at the next full minute. */
export async function firedByItself(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.step('The next full minute: the CronJob itself');
  const own = ({ metadata, status }: Job) =>
    metadata?.annotations?.[scheduled] !== undefined && status?.succeeded === 1;
  const jobs = await report.progress(
    'waiting for the minute',
    cluster.waitFor<Job>('jobs', (all) => all.some(own), { timeout: 120_000 }),
  );
  await stage.kubectl('get jobs');
  const name = jobs.find(own)?.metadata?.name ?? '';
  const time = Date.parse(jobs.find(own)?.metadata?.annotations?.[scheduled] ?? '');
  const table = await stage.kubectl('get pods');
  report.check(
    'it has made a Job, and that a pod, which is Completed',
    new RegExp(`^${name}-\\w{5} +0/1 +Completed +0 `, 'm').test(table),
    table,
  );
  report.check(
    `its name has the minute it was for, ${time / 60_000} minutes after 1970`,
    name === `hello-${time / 60_000}`,
    name,
  );
  report.note("Since Kubernetes 1.21 minutes are counted; the article's release wrote seconds.");
}
