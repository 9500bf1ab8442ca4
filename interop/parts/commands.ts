import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tables } from '../../apiserver/kubectl/testing/index.ts';
import { play, type Stage } from '../../apiserver/kubectl/testing/play.ts';
import { startStage } from '../../apiserver/kubectl/testing/stage.ts';
import type { Table } from '../../apiserver/kubectl/testing/table.ts';
import { startGenuine } from '../cmd/genuine.ts';
import { normalOf } from '../cmd/normal.ts';
import { reasonOf } from '../cmd/releases.ts';
import { release } from '../components/components.ts';
import type { Case, Part } from '../part.ts';

/** `npm run test:interop -- commands [WORD]`: all tables of commands, or those with the word in their name. */
export const part: Part = {
  name: 'commands',
  title:
    'the same kubectl commands against kube-apiserver and against this API, and what they print compared',
  async run({ folder, options, component, say }) {
    const programs = {
      etcd: await component('etcd'),
      'kube-apiserver': await component('kube-apiserver'),
      'kube-controller-manager': await component('kube-controller-manager'),
    };
    const kubectl = await component('kubectl');
    const genuine = await startGenuine(programs, join(folder, 'genuine'));
    const ours = await startStage(kubectl);
    try {
      const theirs: Stage = { ...ours.stage, url: genuine.url, kubeconfig: genuine.kubeconfig };
      const tell = tellOf(theirs, folder);
      tell(['create', '-f', '-'], node);
      const cases: Case[] = [];
      for (const [index, table] of tables.entries()) {
        if (!table.name.includes(options[0] ?? '')) continue;
        say(table.name);
        const namespace = await ours.namespace(`table-${index}`);
        tell(['create', 'namespace', namespace]);
        // Pods need the account that a controller makes a moment later.
        tell(['create', 'serviceaccount', 'default', '-n', namespace], '', true);
        const [one, other] = [
          await printed(table, ours.stage, namespace),
          await printed(table, theirs, namespace),
        ];
        cases.push(...one.map((row, at) => compare(table, row, other[at])));
      }
      const failed = cases.filter(({ outcome }) => outcome === 'failed');
      const deviations = failed.flatMap(({ name }) => {
        const reason = reasonOf(name.slice(name.indexOf('kubectl ') + 'kubectl '.length));
        return reason ? [{ what: name, reason }] : [];
      });
      return {
        component: `kube-apiserver and kube-controller-manager ${release}, kubectl ${release}`,
        ran: 'apiserver/kubectl/testing (tables of commands), each against both; what they print is compared',
        cases,
        deviations,
      };
    } finally {
      await Promise.all([genuine.stop(), ours.stop()]);
    }
  },
};

interface Printed {
  command: string;
  text: string;
}

async function printed(table: Table, stage: Stage, namespace: string): Promise<Printed[]> {
  const rows: Printed[] = [];
  await play(table, stage, namespace, ({ command }, outcome) => {
    rows.push({ command, text: normalOf(outcome) });
  });
  return rows;
}

function compare(table: Table, ours: Printed, theirs: Printed | undefined): Case {
  const name = `${table.name}: kubectl ${ours.command}`;
  if (theirs?.text === ours.text) return { name, outcome: 'passed' };
  const [a, b] = [ours.text.split('\n'), (theirs?.text ?? '').split('\n')];
  const only = (lines: readonly string[], others: readonly string[]) =>
    lines
      .filter((line) => !others.includes(line))
      .slice(0, 3)
      .join(' | ')
      .slice(0, 300);
  if (a.toSorted().join() === b.toSorted().join())
    return { name, outcome: 'failed', reason: 'the same lines in another order' };
  return { name, outcome: 'failed', reason: `upstream's: ${only(b, a)}; this: ${only(a, b)}` };
}

function tellOf({ kubectl, kubeconfig }: Stage, folder: string) {
  const config = join(folder, 'kubeconfig');
  writeFileSync(config, kubeconfig('default'));
  /** @param may the command may fail, because somebody else was there first */
  return (args: readonly string[], input = '', may = false) => {
    const env = { HOME: folder, KUBECONFIG: config };
    const { status, stderr } = spawnSync(kubectl, args, { input, encoding: 'utf8', env });
    if (status !== 0 && !may) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  };
}

/** As `startStage` makes it. */
const node = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-a' },
  status: {
    capacity: { cpu: '4', memory: '8Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
  },
});
