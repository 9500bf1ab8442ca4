import { join, relative } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import type { Pod } from '../api/types.ts';
import { packageRoot } from '../kernel/package-root.ts';
import type { Stage } from './scenario.ts';

/** A file of a scenario as one would name it from here: `scenarios/clusterip/deployment.yaml`. */
export function fileArgument(name: string): string {
  const file = join(packageRoot, 'scenarios', name);
  const near = relative(process.cwd(), file);
  return near.startsWith('..') ? file : near;
}

/** Shows and runs `kubectl create -f FILE`. Resolves to what it printed. */
export function createFrom(stage: Stage, name: string): Promise<string> {
  return stage.kubectl(`create -f ${fileArgument(name)}`);
}

/** Waits until so many pods with the label are Ready; resolves to them, by address. */
export async function readyPods(stage: Stage, labelSelector: string, count: number): Promise<V1Pod[]> {
  const { cluster, report } = stage;
  const ready = (pods: Pod[]) => pods.length === count && pods.every(isReady);
  await report.progress(`waiting for ${count} pods`, cluster.waitFor<Pod>('pods', ready, { labelSelector }));
  const { core } = await stage.api();
  const { items } = await core.listNamespacedPod({ namespace: 'default', labelSelector });
  return items.sort((a, b) => addressOrder(addressOf(a), addressOf(b)));
}

const isReady = ({ status }: Pod) =>
  (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');

export const addressOf = (pod: V1Pod): string => pod.status?.podIP ?? '';
export const nameOf = (pod: V1Pod): string => pod.metadata?.name ?? '';

/** As kube-proxy orders endpoints of one length: as text. */
const addressOrder = (a: string, b: string) => (a < b ? -1 : 1);

/** Waits until every node's rules lead to all of these endpoints, by `ip:port`; each look is a real `iptables-save`. */
export async function rulesLeadTo({ cluster, report }: Stage, endpoints: readonly string[]): Promise<void> {
  const deadline = performance.now() + 10_000;
  const look = async (name: string) => {
    for (;;) {
      const { stdout } = await cluster.node(name).exec(['iptables-save', '-t', 'nat']);
      const missing = endpoints.find((endpoint) => !stdout.includes(`--to-destination ${endpoint}\n`));
      if (missing === undefined) return;
      if (performance.now() > deadline) throw new Error(`${name} has no rule to ${missing} after 10 s`);
    }
  };
  await report.progress(
    'waiting for the rules',
    Promise.all(cluster.spec.nodes.map(({ name }) => look(name))),
  );
}
