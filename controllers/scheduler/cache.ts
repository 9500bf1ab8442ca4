import { type KubeObject, keyOf } from '../../api/object.ts';
import type { Node, Pod } from '../../api/types.ts';
import type { Informers } from '../context.ts';
import { createIndex } from '../lookup.ts';
import { isPodTerminal } from '../pod.ts';
import type { NodeInfo, Snapshot } from './filters.ts';
import { volumesOf } from './volumes.ts';

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
  /** By the name of the node; made anew after something about it has changed. */
  const infos = new Map<string, NodeInfo>();
  const volumes = volumesOf(informers);
  /** Not bound yet, but promised room that others are leaving. */
  const nominated = new Map<string, Pod>();
  const changed = (pod: Pod | undefined) => void infos.delete(pod?.spec?.nodeName ?? '');

  informers.pods.onChange(({ type, key, object, old }) => {
    const waits = type !== 'deleted' && object.status?.nominatedNodeName && !object.spec?.nodeName;
    if (waits && !isPodTerminal(object)) nominated.set(key, object);
    else nominated.delete(key);
    changed(object);
    changed(old);
    const pod = assumed.get(key);
    if (!pod) return;
    const other = object.metadata?.uid !== pod.metadata?.uid;
    if (type === 'deleted' || object.spec?.nodeName || other) {
      assumed.delete(key);
      changed(pod);
    }
  });

  for (const [key, pod] of informers.pods.store)
    if (pod.status?.nominatedNodeName && !pod.spec?.nodeName && !isPodTerminal(pod)) nominated.set(key, pod);

  function infoOf(node: Node, assumedHere: readonly Pod[] | undefined): NodeInfo {
    const name = node.metadata?.name ?? '';
    const known = infos.get(name);
    if (known?.node === node) return known;
    const running = [...podsByNode.get(name)].filter((pod) => !isPodTerminal(pod));
    const info = { node, pods: [...running, ...(assumedHere ?? [])] };
    infos.set(name, info);
    return info;
  }

  return {
    snapshot() {
      const byNode = Map.groupBy(assumed.values(), (pod) => pod.spec?.nodeName ?? '');
      return {
        nodes: [...informers.nodes.store.values()].map((node) =>
          infoOf(node, byNode.get(node.metadata?.name ?? '')),
        ),
        namespaceOf: (name) => informers.namespaces.store.get(name),
        volumes,
        nominated: [...nominated.values()].filter((pod) => !assumed.has(keyOf(pod))),
      };
    },
    assume(pod, nodeName) {
      const there = { ...pod, spec: { containers: [], ...pod.spec, nodeName } };
      assumed.set(keyOf(pod), there);
      changed(there);
    },
    forget(pod: KubeObject) {
      changed(assumed.get(keyOf(pod)));
      assumed.delete(keyOf(pod));
    },
    isAssumed: (pod) => assumed.get(keyOf(pod))?.metadata?.uid === pod.metadata?.uid,
  };
}
