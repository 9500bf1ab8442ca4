import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Controller } from '../context.ts';
import { createIndex } from '../lookup.ts';

/** Removes pods of nodes that do not exist any more. Upstream: `pkg/controller/podgc`. */
export const startPodGcController: Controller = ({ client, informers, reconciler, settings }) => {
  const podsByNode = createIndex(informers.pods, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
  /** Since when (ms) a node that pods name is missing. */
  const missing = new Map<string, number>();
  const queue = reconciler('podgc', reconcile);

  informers.nodes.onChange(({ key }) => queue.enqueue(key));
  informers.pods.onChange(({ object }) => {
    const node = object.spec?.nodeName;
    if (node && !informers.nodes.store.has(node)) queue.enqueue(node);
  });
  for (const { spec } of informers.pods.store.values()) {
    if (spec?.nodeName && !informers.nodes.store.has(spec.nodeName)) queue.enqueue(spec.nodeName);
  }

  async function reconcile(node: string): Promise<Again | undefined> {
    const pods = [...podsByNode.get(node)];
    if (informers.nodes.store.has(node) || pods.length === 0) {
      missing.delete(node);
      return undefined;
    }
    const since = missing.get(node) ?? Date.now();
    missing.set(node, since);
    const wait = since + settings.podGcQuarantineMs - Date.now();
    if (wait > 0) return { requeueAfter: wait };
    if (await exists(node)) return { requeueAfter: settings.podGcQuarantineMs };
    await Promise.all(
      pods.map(async ({ metadata }) => {
        const { name = '', namespace = '', uid = '' } = metadata ?? {};
        try {
          const options = { gracePeriodSeconds: 0, preconditions: { uid } };
          await client.delete(resources.pods, { name, namespace }, options);
        } catch (error) {
          if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
        }
      }),
    );
    return undefined;
  }

  async function exists(name: string): Promise<boolean> {
    try {
      await client.get(resources.nodes, { name });
      return true;
    } catch (error) {
      if (hasReason(error, 'NotFound')) return false;
      throw error;
    }
  }
};
