import type { Client } from '../../api/client.ts';
import type { Node } from '../../api/types.ts';
import type { ClusterSpec } from '../spec.ts';
import { waitFor } from '../wait.ts';

/**
 * Waits until a node says that it is Ready; in a cluster that has no pod network yet, until it has said that it is not,
 * as kubeadm's nodes do before there is one. Rejects after `timeout` milliseconds.
 */
export async function nodeReady(
  client: Client,
  { overlay, cni }: Pick<ClusterSpec, 'overlay' | 'cni'>,
  name: string,
  timeout: number,
): Promise<void> {
  const awaitsNetwork = overlay?.type === 'none' && !cni;
  const isReady = ({ status }: Node) =>
    (status?.conditions ?? []).some(
      (condition) =>
        condition.type === 'Ready' &&
        (condition.status === 'True' || (awaitsNetwork && condition.status === 'False')),
    );
  await waitFor<Node>(client, `nodes/${name}`, ([node]) => node !== undefined && isReady(node), { timeout });
}
