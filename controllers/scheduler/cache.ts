import { type KubeObject, keyOf } from '../../api/object.ts';
import type { Pod } from '../../api/types.ts';
import type { Informers } from '../context.ts';
import { createIndex } from '../lookup.ts';
import { isPodTerminal } from '../pod.ts';
import type { Snapshot } from './filters.ts';

/** Nodes and their pods, those whose binding the watch does not show yet included. Upstream: `backend/cache`. */
export interface SchedulerCache {
  snapshot(): Snapshot;
  /** Counts a pod on `node` from now on, so that the next decision of a burst knows of it. */
  assume(pod: Pod, node: string): void;
  /** The binding failed. */
  forget(pod: Pod): void;
  isAssumed(pod: Pod): boolean;
}

export function createSchedulerCache(informers: Informers): SchedulerCache {
  const podsByNode = createIndex(informers.pods, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
  const assumed = new Map<string, Pod>();

  informers.pods.onChange(({ type, key, object }) => {
    const pod = assumed.get(key);
    if (!pod) return;
    const other = object.metadata?.uid !== pod.metadata?.uid;
    if (type === 'deleted' || object.spec?.nodeName || other) assumed.delete(key);
  });

  return {
    snapshot() {
      const byNode = Map.groupBy(assumed.values(), (pod) => pod.spec?.nodeName ?? '');
      return {
        nodes: [...informers.nodes.store.values()].map((node) => {
          const name = node.metadata?.name ?? '';
          const running = [...podsByNode.get(name)].filter((pod) => !isPodTerminal(pod));
          return { node, pods: [...running, ...(byNode.get(name) ?? [])] };
        }),
        namespaceOf: (name) => informers.namespaces.store.get(name),
      };
    },
    assume(pod, nodeName) {
      assumed.set(keyOf(pod), { ...pod, spec: { containers: [], ...pod.spec, nodeName } });
    },
    forget: (pod: KubeObject) => void assumed.delete(keyOf(pod)),
    isAssumed: (pod) => assumed.get(keyOf(pod))?.metadata?.uid === pod.metadata?.uid,
  };
}
