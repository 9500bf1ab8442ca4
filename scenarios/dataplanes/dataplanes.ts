import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod, Service } from '../../api/types.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { findCommand } from '../../lab/doctor.ts';
import { ensureGuestKernel, GuestUnavailable } from '../../lab/guest/packages.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { answers } from './answers.ts';
import { type Load, type Mark, startLoad } from './load.ts';
import { leftOver, rulesOf, type Setting } from './rules.ts';
import { failedBetween, noteChange, noteMode, sideBySide } from './table.ts';

/** What is looked at in every mode. */
export interface Web {
  readonly clusterIp: string;
  readonly nodePort: number;
  readonly pods: readonly Pod[];
  /** `IP:80` of each pod. */
  readonly endpoints: readonly string[];
}

/**
 * One Service in every proxy mode that this kernel has, one after the other on a running cluster: how each writes
 * the same endpoints, and that nobody who uses the Service notices the change. Modes that only a guest kernel has
 * are played there.
 */
export const dataplanes: Scenario = {
  name: 'dataplanes',
  title:
    'One Service in iptables, IPVS and nftables: the same endpoints and the same answers, and a running cluster that changes between them under load without failing a request.',
  cluster: { nodes: 2 },
  async play(stage) {
    const { report } = stage;
    const settings = await settingsHere(stage);
    const web = await createObjects(stage);
    report.step(`The Service in mode ${settings[0]?.name}`);
    await look(stage, iptables, web);
    const { load, marks } = await beginLoad(stage, web);
    let before = marks;
    for (const setting of settings.slice(1)) before = await change(stage, setting, web, load, before);
    await endLoad(stage, load, settings);
    if (!(await stage.has('ip_vs', 'ip_set', 'dummy'))) await elsewhere(stage);
    // In a guest there is nothing to compare: the table is shown by whoever started that.
    if (report.rows.size === 0) return;
    report.step('Side by side: the Service and its three pods in each mode');
    report.output(sideBySide(report), Number.POSITIVE_INFINITY);
    report.note(
      'A change is one of the whole cluster, node after node. In a guest kernel every command takes many times longer.',
    );
  },
};

async function look(stage: Stage, setting: Setting, web: Web): Promise<void> {
  const shown = await rulesOf(stage, setting, web);
  noteMode(stage.report, setting, web, shown, await answers(stage, setting.name, web));
}

const iptables: Setting = { mode: 'iptables', name: 'iptables' };
const ipvs: Setting = { mode: 'ipvs', name: 'ipvs' };
const nftables: readonly Setting[] = [
  { mode: 'nftables', layout: 'upstream', name: 'nftables' },
  { mode: 'nftables', layout: 'flat', name: 'nftables, layout flat' },
];

/** Milliseconds: starting programs takes long in a guest kernel, and longer on a busy machine. */
const timeout = 120_000;

/** From iptables, where the cluster starts, through all that this kernel has, and back. */
async function settingsHere({ has }: Stage): Promise<Setting[]> {
  return [
    iptables,
    ...((await has('ip_vs', 'ip_set', 'dummy')) ? [ipvs] : []),
    ...((await has('nf_tables')) ? nftables : []),
    iptables,
  ];
}

async function createObjects(stage: Stage): Promise<Web> {
  const { report, cluster } = stage;
  report.step('Three pods, a Service before them, and a client');
  await stage.kubectl(
    'create -f -',
    readFileSync(join(packageRoot, 'scenarios/dataplanes/web.yaml'), 'utf8'),
  );
  const ready = ({ status }: Pod) =>
    (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');
  const all = await report.progress(
    'waiting for the pods',
    cluster.waitFor<Pod>('pods', (pods) => pods.length === 4 && pods.every(ready), { timeout }),
  );
  await stage.kubectl('get pods -o wide');
  await stage.kubectl('get svc web');
  const pods = all.filter(({ metadata }) => metadata?.labels?.app === 'web');
  const [service] = await cluster.waitFor<Service>('service/web', (found) => found.length === 1);
  const { clusterIP = '', ports = [] } = service?.spec ?? {};
  return {
    clusterIp: clusterIP,
    nodePort: ports[0]?.nodePort ?? 0,
    pods,
    endpoints: pods.map(({ status }) => `${status?.podIP}:80`).sort(),
  };
}

async function beginLoad(
  { report, cluster }: Stage,
  { clusterIp, nodePort }: Web,
): Promise<{ load: Load[]; marks: Mark[] }> {
  report.step('Load: from a pod, from a node, and from a machine outside by the node port');
  const { nodes } = cluster.spec;
  const load = await Promise.all([
    startLoad('a pod', cluster.pod('client'), `${clusterIp}:80`),
    startLoad('a node', cluster.node(nodes[0]?.name ?? ''), `${clusterIp}:80`),
    startLoad('outside', cluster.node('outside'), `${nodes.at(-1)?.address}:${nodePort}`),
  ]);
  report.note(
    'Each asks over a new connection every time, and over connections that stay: one now, and one more after each change.',
  );
  return { load, marks: load.map(({ first }) => first) };
}

async function change(
  stage: Stage,
  setting: Setting,
  web: Web,
  load: readonly Load[],
  marks: readonly Mark[],
): Promise<Mark[]> {
  const { report, cluster } = stage;
  const { mode, layout, name } = setting;
  const before = { ...cluster.spec };
  report.step(`To ${name}`);
  const flag = layout ? ` --nftables-layout ${layout}` : '';
  report.command('', `v9s dataplane set ${mode}${flag} --name ${cluster.name}`);
  const changed: string[] = [];
  const began = performance.now();
  await report.progress(
    `changing to ${name}`,
    cluster.setDataplane({ dataplane: mode, ...(layout ? { nftablesLayout: layout } : {}) }, (node) =>
      changed.push(`${node}: ${mode}`),
    ),
  );
  report.output(changed.join('\n'));
  const milliseconds = performance.now() - began;
  const now = await Promise.all(load.map((one) => one.keepOneMore()));
  noteChange(report, setting, { milliseconds, failed: failedBetween(marks, now) });
  await look(stage, setting, web);
  if (before.dataplane !== mode) await leftOver(stage, before.dataplane);
  return now;
}

async function endLoad(stage: Stage, load: readonly Load[], settings: readonly Setting[]): Promise<void> {
  const { report } = stage;
  report.step('What the load has seen');
  const seen = await Promise.all(load.map((one) => one.end()));
  report.output(
    [
      'FROM      REQUESTS   FAILED   SLOWEST   SYN AGAIN   KEPT   LOST',
      ...seen.map((one) =>
        [
          one.from.padEnd(10),
          String(one.requests).padEnd(11),
          String(one.failures.length).padEnd(9),
          `${one.slowest} ms`.padEnd(10),
          String(one.again).padEnd(12),
          String(one.kept).padEnd(7),
          String(one.lost),
        ].join(''),
      ),
    ].join('\n'),
  );
  const path = settings.map(({ name }) => name).join(' → ');
  const requests = seen.reduce((sum, one) => sum + one.requests, 0);
  const failures = seen.flatMap((one) => one.failures.map((failure) => `${one.from}: ${failure}`));
  report.check(
    `none of ${requests} requests failed on the way ${path}`,
    failures.length === 0 && seen.every((one) => one.requests > 0),
    failures.slice(0, 5).join('; ') || `requests: ${seen.map((one) => one.requests).join(', ')}`,
  );
  report.check(
    `every connection made on the way is still the same one, ${settings.length} of each client`,
    seen.every(({ lost, kept }) => lost === 0 && kept === settings.length),
    seen.map(({ from, kept, lost }) => `${from}: ${kept} kept, ${lost} lost`).join('; '),
  );
}

async function elsewhere(stage: Stage): Promise<void> {
  const { report } = stage;
  report.step('And IPVS, which this kernel has not');
  report.note(
    "So it is played in a guest kernel: User-mode Linux, from Debian's package on first use. That one has no nf_tables for IPv4, so the way there is from iptables to IPVS and back.",
  );
  const why = await withoutGuest();
  if (why) report.note(`IPVS is left out: ${why}`);
  else await stage.again();
}

/** What keeps this machine from playing it in a guest kernel, and what to do. The guest has this machine's commands. */
async function withoutGuest(): Promise<string | undefined> {
  const tool = ['ipvsadm', 'ipset'].find((command) => !findCommand(command));
  if (tool) return `it needs the command ${tool}, which is missing; v9s doctor says what to install.`;
  try {
    await ensureGuestKernel();
    return undefined;
  } catch (error) {
    if (error instanceof GuestUnavailable) return error.message;
    throw error;
  }
}
