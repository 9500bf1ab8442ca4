import { resources } from '../../api/scheme.ts';
import type { Job } from '../../api/types.ts';
import { findCommand } from '../../lab/doctor.ts';
import type { Stage } from '../scenario.ts';
import { articleTimes } from './listing.ts';

/** The article's four Jobs, made of the CronJob by hand: its own come once a minute, and have other names today. */
export async function jobsOfArticle(stage: Stage): Promise<void> {
  const { report } = stage;
  // Today's kubectl makes none of an older CronJob.
  const canMake = findCommand('kubectl') && (await knowsCronJobs(stage));
  for (const time of articleTimes) {
    if (canMake) await stage.kubectl(`create job --from=cronjob/hello hello-${time}`);
    else await stage.kubectl('create -f -', JSON.stringify(await jobNamed(stage, `hello-${time}`)));
  }
  report.note(
    `The numbers are the minutes the article's Jobs were for, in seconds since 1970: ${new Date(articleTimes[0] * 1000).toISOString()} and the three after.`,
  );
}

/** Version 1 of them came with Kubernetes 1.21. */
export async function knowsCronJobs({ cluster }: Stage): Promise<boolean> {
  const { resources } = await cluster.client.request<{ resources: { name: string }[] }>(
    'GET',
    '/apis/batch/v1',
  );
  return resources.some(({ name }) => name === 'cronjobs');
}

async function jobNamed(stage: Stage, name: string): Promise<Job> {
  const version = (await knowsCronJobs(stage)) ? 'v1' : 'v1beta1';
  const ref = { name: 'hello', namespace: 'default' };
  const { spec } = await stage.cluster.client.get({ ...resources.cronjobs, version }, ref);
  const job = spec?.jobTemplate.spec;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, annotations: { [byHand]: 'manual' } },
    ...(job ? { spec: job } : {}),
  };
}

const scheduled = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
/** kubectl says so of those that it makes of a CronJob. */
const byHand = 'cronjob.kubernetes.io/instantiate';

/** The CronJob's own first Job, at the next full minute. */
export async function firedByItself(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.step('The next full minute: the CronJob itself');
  const own = ({ metadata, status }: Job) =>
    metadata?.ownerReferences?.some(({ kind }) => kind === 'CronJob') === true &&
    metadata.annotations?.[byHand] === undefined &&
    status?.succeeded === 1;
  const jobs = await report.progress(
    'waiting for the minute',
    cluster.waitFor<Job>('jobs', (all) => all.some(own), { timeout: 120_000 }),
  );
  await stage.kubectl('get jobs');
  const { name = '', annotations, creationTimestamp = '' } = jobs.find(own)?.metadata ?? {};
  const marked = annotations?.[scheduled];
  const minutes = Math.floor(Date.parse(marked ?? creationTimestamp) / 60_000);
  const table = await stage.kubectl('get pods');
  report.check(
    'it has made a Job, and that a pod, which is Completed',
    new RegExp(`^${name}-\\w{5} +0/1 +Completed +0 `, 'm').test(table),
    table,
  );
  report.check(
    `its name has the minute it was for, ${minutes} minutes after 1970`,
    name === `hello-${marked === undefined ? minutes * 60 : minutes}`,
    name,
  );
  report.note(
    "Since Kubernetes 1.21 minutes are counted; the article's release wrote seconds, as all do that leave no annotation of the time.",
  );
}
