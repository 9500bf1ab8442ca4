import { join } from 'node:path';
import { resources } from '../../api/scheme.ts';
import type { Node } from '../../api/types.ts';
import { startCluster } from '../../cluster/cluster.ts';
import type { Cluster } from '../../cluster/handle.ts';
import { versionOf } from '../components/components.ts';
import { batchChecks } from '../controllers/batch.ts';
import { clusterChecks, lastChecks } from '../controllers/cluster.ts';
import { networkChecks } from '../controllers/network.ts';
import { schedulingChecks } from '../controllers/scheduling.ts';
import { storageChecks } from '../controllers/storage.ts';
import { workloadChecks } from '../controllers/workloads.ts';
import { type Check, createWorld } from '../controllers/world.ts';
import type { Case, Part, PartContext } from '../part.ts';

const checks: readonly Check[] = [
  ...workloadChecks,
  ...batchChecks,
  ...storageChecks,
  ...networkChecks,
  ...clusterChecks,
];

/** So many at a time: each waits most of its time. */
const atOnce = 4;

export const part: Part = {
  name: 'controllers',
  title: 'genuine kube-controller-manager and kube-scheduler on our API and our nodes',
  async run(context) {
    const names = ['kube-controller-manager', 'kube-scheduler'];
    const files = await Promise.all(names.map((name) => context.component(name)));
    const cluster = await startCluster({
      name: 'controllers',
      nodes: 2,
      stateDir: join(context.folder, 'cluster'),
      programs: names.map((name, index) => `${name}=${files[index]}`),
    });
    try {
      // A node that was not ready is tainted for a while.
      const free = ({ spec }: Node) => (spec?.taints ?? []).length === 0;
      await cluster.waitFor<Node>('nodes', (all) => all.length === 2 && all.every(free), { timeout: 60_000 });
      const wanted = new RegExp(context.options.join('|'), 'i');
      const chosen = (all: readonly Check[]) => all.filter(({ name }) => wanted.test(name));
      const cases = [
        ...(await runAll(cluster, chosen(checks), atOnce, context)),
        ...(await runAll(cluster, chosen([...schedulingChecks, ...lastChecks]), 1, context)),
      ];
      return {
        component: `kube-controller-manager, kube-scheduler ${await versionOf(files[0] ?? '')}`,
        ran: `v9s up --nodes 2 ${names.map((name) => `--program ${name}=…`).join(' ')}, and ${cases.length} things that controllers do`,
        cases,
        deviations: [],
      };
    } finally {
      await cluster.stop();
    }
  },
};

async function runAll(
  cluster: Cluster,
  list: readonly Check[],
  width: number,
  { say }: PartContext,
): Promise<Case[]> {
  const results: Case[] = [];
  const rest = [...list.entries()];
  const work = async () => {
    for (let next = rest.shift(); next; next = rest.shift()) {
      const [index, check] = next;
      results[index] = await judge(cluster, check);
      const { name, outcome, reason } = results[index];
      say(`${outcome}: ${name}${reason ? ` (${reason})` : ''}`);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return results;
}

let namespaces = 0;

async function judge(cluster: Cluster, { name, run }: Check): Promise<Case> {
  const namespace = `check-${++namespaces}`;
  try {
    await cluster.client.create(resources.namespaces, { metadata: { name: namespace } });
    const world = createWorld(cluster, namespace);
    // Pods are not let in before it is there.
    await world.until('ServiceAccount default', () => world.find(resources.serviceaccounts, 'default'));
    await run(world);
    return { name, outcome: 'passed' };
  } catch (error) {
    return { name, outcome: 'failed', reason: error instanceof Error ? error.message : String(error) };
  } finally {
    await cluster.client.delete(resources.namespaces, { name: namespace });
  }
}
