import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import type { Pod } from '../../api/types.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { findCommand } from '../../lab/doctor.ts';
import { addressOf, createFrom, nameOf } from '../objects.ts';
import { host } from '../report.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { firedByItself, jobsOfArticle, knowsCronJobs } from './cron.ts';
import { execInto } from './exec.ts';
import { articleLines, rowsOf, unlikeArticle } from './listing.ts';

/**
 * Article 003's listing of pods, with what each state means, and its shell in one of them: `kubectl exec -it`, from
 * which a Service is called by name.
 */
export const pods: Scenario = {
  name: 'pods',
  title:
    'Sixteen pods that run, are done, or fail again and again, and a shell in one of them, as an article of 2019 lists them (article 003).',
  cluster: { nodes: 3, taintControlPlane: true },
  async play(stage) {
    await create(stage);
    await list(stage);
    await states(stage);
    await nodes(stage);
    await failed(stage);
    await execInto(stage);
    await firedByItself(stage);
  },
};

/** The nodes that take pods. */
const workersOf = ({ cluster }: Stage) =>
  cluster.spec.nodes.filter(({ taints }) => taints.length === 0).map(({ name }) => name);

/** Lines of a listing that are shown. */
const whole = 40;

async function create(stage: Stage): Promise<void> {
  const { report } = stage;
  report.step('What there is: pods, a Deployment, a DaemonSet, a Job, a CronJob');
  const answer = (await knowsCronJobs(stage))
    ? await createFrom(stage, 'pods/pods.yaml')
    : await createOlder(stage);
  report.check('all of it is accepted', answer.match(/ created\n/g)?.length === 11, answer);
  await jobsOfArticle(stage);
}

async function createOlder(stage: Stage): Promise<string> {
  const text = readFileSync(join(packageRoot, 'scenarios/pods/pods.yaml'), 'utf8');
  stage.report.note(
    'This API has CronJobs as batch/v1beta1 alone: that is written in the place of batch/v1.',
  );
  return stage.kubectl(
    'create -f -',
    text.replace('batch/v1\nkind: CronJob', 'batch/v1beta1\nkind: CronJob'),
  );
}

async function list(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.step('The listing');
  const agents = workersOf(stage).length;
  const settled = (all: Pod[]) =>
    all.filter(({ metadata }) => !/^hello-\d{8}-/.test(metadata?.name ?? '')).length ===
      articleLines(agents).length && all.every(isSettled);
  await report.progress('waiting for the pods', cluster.waitFor<Pod>('pods', settled, { timeout: 90_000 }));
  const table = await stage.kubectl('get pods', undefined, whole);
  report.check(
    "names, READY and STATUS are the article's, line by line, and what restarts there restarts here",
    unlikeArticle(table, agents) === '',
    unlikeArticle(table, agents),
  );
  report.note(
    "The article's pods are hours old: frontend has been started 128 times in 22 h, once in ten minutes, since the pause between two starts grows to five.",
  );
}

/** Running and ready, ended for good, or waiting to be started again for the second time at least. */
function isSettled({ metadata, status }: Pod): boolean {
  const statuses = status?.containerStatuses ?? [];
  if (['frontend', 'liveness-exec'].includes(metadata?.name ?? ''))
    return statuses.some(({ state }) => state?.waiting?.reason === 'CrashLoopBackOff');
  return status?.phase === 'Succeeded' || (statuses.length > 0 && statuses.every(({ ready }) => ready));
}

async function pod({ api }: Stage, name: string): Promise<V1Pod> {
  return (await api()).core.readNamespacedPod({ name, namespace: 'default' });
}

async function states(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.step('What the states say');
  const frontend = await pod(stage, 'frontend');
  const [db, wp] = ['db', 'wp'].map((name) =>
    frontend.status?.containerStatuses?.find((status) => status.name === name),
  );
  report.check(
    'frontend, 1/2: one container runs, the other has ended with code 1',
    wp?.ready === true && db?.lastState?.terminated?.exitCode === 1,
    JSON.stringify(db),
  );
  const message = db?.state?.waiting?.message ?? '';
  report.output(message);
  report.check(
    'it is not started again before a pause is over',
    /^back-off \d+\w+ restarting/.test(message),
    message,
  );
  if (findCommand('kubectl')) {
    const log = await stage.kubectl('logs frontend -c db --previous');
    report.check('what it said before it ended can be read', log.startsWith('error: database'), log);
    const events = await stage.kubectl('get events --field-selector involvedObject.name=liveness-exec');
    report.check(
      'liveness-exec was ended by its probe: the file it looks for was gone',
      /Unhealthy .*Liveness probe failed/.test(events) && /Killing /.test(events),
      events,
    );
    const line = 'logs job/pi';
    report.command(host, `kubectl ${line}`);
    const digits = (await cluster.kubectl(line.split(' '))).stdout;
    report.output(`${digits.slice(0, 60)} … ${digits.trim().length - 2} digits`);
    report.check('pi, Completed, has worked it out', /^3\.14159265\d{1990,}\s*$/.test(digits), digits);
  }
}

async function nodes(stage: Stage): Promise<void> {
  const { report } = stage;
  report.step('Where they are');
  const table = await stage.kubectl('get pods -o wide', undefined, whole);
  const { items } = await (await stage.api()).core.listNamespacedPod({ namespace: 'default' });
  const wrong = rowsOf(table).filter(([name]) => {
    const one = items.find((each) => nameOf(each) === name);
    return !one || !new RegExp(`^${name} .* ${addressOf(one)} +${one.spec?.nodeName} `, 'm').test(table);
  });
  report.check("each line has the pod's address and its node", wrong.length === 0, wrong.join('; '));
  const agents = items.filter((each) => nameOf(each).startsWith('agent-')).map(({ spec }) => spec?.nodeName);
  report.check(
    'a DaemonSet has one on each node that takes pods',
    agents.sort().join() === workersOf(stage).sort().join(),
    agents.join(),
  );
}

async function failed(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.step('A pod that fails and is not to be started again: Error');
  const failing: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'mypod5' },
    spec: {
      restartPolicy: 'Never',
      containers: [{ name: 'mypod5', image: 'busybox', command: ['sh', '-c', 'exit 3'] }],
    },
  };
  await stage.kubectl('create -f -', JSON.stringify(failing));
  await cluster.waitFor<Pod>('pods/mypod5', ([one]) => one?.status?.phase === 'Failed');
  const table = await stage.kubectl('get pods mypod5');
  report.check('0/1, Error, no restart', /^mypod5 +0\/1 +Error +0 /m.test(table), table);
}
