import type { KubeObject } from '../../../api/object.ts';
import { resources } from '../../../api/scheme.ts';
import type { Pod } from '../../../api/types.ts';
import type { Cache } from '../../storage/cache.ts';

/** Pods of a node in a namespace; `pod` has a node when it is in here. */
export type PodsOf = (node: string, namespace: string) => Iterable<Pod>;

const nodeName = (object: KubeObject) => (object as Pod).spec?.nodeName;

/** Indexes pods by their node from when somebody first asks, and follows the cache from then on. */
export async function followPods(cache: Cache): Promise<PodsOf> {
  const resource = resources.pods;
  let index: Map<string, Map<string, Pod>> | undefined;

  const place = (namespace: string | undefined, node: string) => `${node}/${namespace}`;
  const put = (index: Map<string, Map<string, Pod>>, key: string, object: KubeObject) => {
    const node = nodeName(object);
    if (!node) return;
    const at = place(object.metadata?.namespace, node);
    const pods = index.get(at);
    if (pods) pods.set(key, object as Pod);
    else index.set(at, new Map([[key, object as Pod]]));
  };

  await cache.watch(resource, cache.revision, (changes) => {
    if (!index) return;
    for (const { before, now } of changes) {
      const node = before && nodeName(before.object);
      if (node && before) {
        const at = place(before.object.metadata?.namespace, node);
        const pods = index.get(at);
        pods?.delete(before.key);
        if (pods?.size === 0) index.delete(at);
      }
      if (now) put(index, now.key, now.object);
    }
  });

  return (node, namespace) => {
    if (!index) {
      index = new Map();
      for (const { key, object } of cache.list(resource)) put(index, key, object);
    }
    return index.get(place(namespace, node))?.values() ?? [];
  };
}
