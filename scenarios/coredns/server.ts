import type { Pod } from '../../api/types.ts';
import { rulesLeadTo } from '../objects.ts';
import type { Stage } from '../scenario.ts';

/** Addresses of article 003: where its kubelets send pods, and its nginx-service. */
export const article = {
  dns: '10.0.0.2',
  nginx: '10.0.0.228',
} as const;

/** Where the manifest puts CoreDNS. */
const place = { namespace: 'kube-system', labelSelector: 'k8s-app=kube-dns' };

/** Waits until one pod of CoreDNS, and not `before`, is ready; resolves to it once every node's rules lead there. */
export async function readyServer(stage: Stage, before?: Pod): Promise<Pod> {
  const { cluster, report } = stage;
  const isReady = ({ status, metadata }: Pod) =>
    metadata?.name !== before?.metadata?.name &&
    (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');
  const pods = await report.progress(
    'waiting for CoreDNS',
    cluster.waitFor<Pod>('pods', (all) => all.some(isReady), place),
  );
  const pod = pods.find(isReady);
  if (!pod) throw new Error('no pod with k8s-app=kube-dns is ready');
  await rulesLeadTo(stage, [`${pod.status?.podIP}:53`]);
  return pod;
}

/** Shows and runs a shell line in the pod of CoreDNS. */
export async function inServer({ report, cluster }: Stage, pod: Pod, line: string): Promise<string> {
  const name = pod.metadata?.name ?? '';
  report.command(name, line);
  const { stdout } = await cluster.pod(name, { namespace: place.namespace }).exec(['sh', '-c', line]);
  report.output(stdout);
  return stdout;
}

/** What the server has written so far. */
export const logOf = ({ cluster }: Stage, pod: Pod): Promise<string> =>
  cluster.logs(pod.metadata?.name ?? '', { namespace: place.namespace });
