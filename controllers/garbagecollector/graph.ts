import type { KubeObject } from '../../api/object.ts';
import type { Resource } from '../../api/scheme.ts';

export interface GraphNode {
  /** `group/resource|namespace/name`. */
  id: string;
  resource: Resource;
  object: KubeObject;
}

/** Who owns whom, over all kinds. Upstream: `graph.go` and `graph_builder.go`. */
export interface Graph {
  byId(id: string): GraphNode | undefined;
  byUid(uid: string): GraphNode | undefined;
  all(): Iterable<GraphNode>;
  dependents(uid: string): Iterable<GraphNode>;
  put(node: GraphNode): void;
  /** Forgets an object and returns its dependents. */
  remove(id: string): GraphNode[];
  /** UIDs never come back: one that was found absent stays so. */
  isAbsent(uid: string): boolean;
  markAbsent(uid: string): void;
}

/** So many absent UIDs are remembered; upstream's cache holds 500. */
const rememberedAbsent = 5000;

export function createGraph(): Graph {
  const nodes = new Map<string, GraphNode>();
  const idByUid = new Map<string, string>();
  const dependents = new Map<string, Set<string>>();
  const absent = new Set<string>();

  const ownersOf = ({ object }: GraphNode) => object.metadata?.ownerReferences?.map(({ uid }) => uid) ?? [];
  const find = (ids: Iterable<string>) => [...ids].flatMap((id) => nodes.get(id) ?? []);

  function unlink(node: GraphNode): void {
    for (const uid of ownersOf(node)) {
      const ids = dependents.get(uid);
      ids?.delete(node.id);
      if (ids?.size === 0) dependents.delete(uid);
    }
  }

  return {
    byId: (id) => nodes.get(id),
    byUid: (uid) => nodes.get(idByUid.get(uid) ?? ''),
    all: () => nodes.values(),
    dependents: (uid) => find(dependents.get(uid) ?? []),
    put(node) {
      const before = nodes.get(node.id);
      if (before) unlink(before);
      nodes.set(node.id, node);
      idByUid.set(node.object.metadata?.uid ?? '', node.id);
      for (const uid of ownersOf(node)) {
        const ids = dependents.get(uid) ?? new Set();
        ids.add(node.id);
        dependents.set(uid, ids);
      }
    },
    remove(id) {
      const node = nodes.get(id);
      if (!node) return [];
      const uid = node.object.metadata?.uid ?? '';
      unlink(node);
      nodes.delete(id);
      idByUid.delete(uid);
      return find(dependents.get(uid) ?? []);
    },
    isAbsent: (uid) => absent.has(uid),
    markAbsent(uid) {
      absent.add(uid);
      const [oldest] = absent;
      if (absent.size > rememberedAbsent && oldest !== undefined) absent.delete(oldest);
    },
  };
}
