import { type Client, createClient } from '../../api/client.ts';
import { startInformer } from '../../api/informer.ts';
import { createReconciler } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Node, Pod } from '../../api/types.ts';

/** A node that reports itself ready, as its agent would register it. */
export function readyNode(name: string, spec: Node['spec'] = {}): Node {
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    spec,
    status: {
      allocatable: { cpu: '4', memory: '8Gi', pods: '500' },
      conditions: [
        { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
      ],
    },
  };
}

/** Creates a node together with its status, which is a write of its own. */
export async function registerNode(client: Client, node: Node): Promise<Node> {
  const { status, ...registered } = node;
  const created = await client.create(resources.nodes, registered);
  const current = await client.get(resources.nodes, { name: created.metadata?.name ?? '' });
  return client.patch(
    resources.nodes,
    { name: current.metadata?.name ?? '', subresource: 'status' },
    'merge',
    { status },
  );
}

/**
 * Stands in for all node-agents: pods bound to a node become Running and Ready with an address of their
 * own, pods that are to end do so at once. A pod that is not always restarted ends with the code in its
 * annotation `exit-code`; without one it goes on. Everything else is the real thing.
 */
export function startFakeAgents(config: { socketPath: string }, signal: AbortSignal): void {
  const client = createClient(config);
  const pods = startInformer(client, resources.pods, { signal });
  let last = 0;
  const queue = createReconciler({
    signal,
    concurrency: 16,
    async reconcile(key) {
      const pod = pods.store.get(key);
      if (!pod?.spec?.nodeName) return;
      const { name = '', namespace = '' } = pod.metadata ?? {};
      try {
        if (pod.metadata?.deletionTimestamp) {
          await client.delete(resources.pods, { name, namespace }, { gracePeriodSeconds: 0 });
        } else if (!pod.status?.podIP) {
          last += 1;
          const running = runningStatus(pod, `10.244.${last >> 8}.${last & 255}`);
          const status = pod.spec.restartPolicy === 'Always' ? running : endedStatus(pod, running);
          await client.patch(resources.pods, { name, namespace, subresource: 'status' }, 'merge', { status });
        }
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
    },
  });
  pods.onChange(({ key }) => queue.enqueue(key));
}

function runningStatus(pod: Pod, podIP: string): Pod['status'] {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'Ready');
  return {
    phase: 'Running',
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: now,
    conditions: [...others, { type: 'Ready', status: 'True', lastTransitionTime: now }],
  };
}

function endedStatus({ metadata, spec }: Pod, running: Pod['status']): Pod['status'] {
  const code = metadata?.annotations?.['exit-code'];
  if (code === undefined) return running;
  const exitCode = Number(code);
  const { conditions = [], ...status } = running ?? {};
  return {
    ...status,
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    conditions: conditions.filter(({ type }) => type !== 'Ready'),
    containerStatuses: (spec?.containers ?? []).map(({ name }) => ({
      name,
      image: '',
      imageID: '',
      ready: false,
      restartCount: 0,
      state: { terminated: { exitCode, finishedAt: new Date().toISOString() } },
    })),
  };
}
