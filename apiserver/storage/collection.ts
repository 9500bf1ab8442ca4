import type { Resource } from '../../api/scheme.ts';
import type { Change } from './change.ts';
import type { Entry } from './entry.ts';
import { prefixOf } from './keys.ts';

/** The objects of one kind with their recent changes and those who follow them. */
export interface Collection {
  readonly resource: Resource;
  /** `/registry/pods/` */
  readonly prefix: string;
  /** The revision that it was filled at, where it came after the others: of what was before, changes are not in memory. */
  readonly began: number;
  begin(revision: number): void;
  get(key: string): Entry | undefined;
  /** In key order; the answer is shared and the same until something changes, not to be modified. */
  list(namespace?: string): readonly Entry[];
  /** The state at an earlier revision, worked out by undoing the changes since. */
  listAt(revision: number, namespace?: string): readonly Entry[];
  /** Changes in memory above `after`, oldest first. */
  since(after: number): Change[];
  /** Puts an object without a change: the state at start. */
  fill(entry: Entry): void;
  apply(change: Change): void;
  tell(changes: readonly Change[]): void;
  follow(receive: (changes: readonly Change[]) => void): () => void;
  /** Drops changes up to and including `revision`. */
  forget(revision: number): void;
}

export function createCollection(resource: Resource): Collection {
  const prefix = prefixOf(resource);
  const entries = new Map<string, Entry>();
  const followers = new Set<(changes: readonly Change[]) => void>();
  let changes: Change[] = [];
  let sorted: readonly Entry[] | undefined;
  /** Parts of `sorted`, by namespace. */
  const parts = new Map<string, readonly Entry[]>();
  let began = 0;

  const since = (after: number) => changes.slice(firstAbove(changes, after));

  function list(namespace?: string): readonly Entry[] {
    sorted ??= inOrder(entries.values());
    if (!namespace || !resource.namespaced) return sorted;
    let part = parts.get(namespace);
    if (!part) {
      part = within(sorted, resource, namespace);
      // Of a namespace without objects nothing is kept: anybody can ask for any number of them.
      if (part.length > 0) parts.set(namespace, part);
    }
    return part;
  }

  function changed(): void {
    sorted = undefined;
    parts.clear();
  }

  return {
    resource,
    prefix,
    get began() {
      return began;
    },
    begin(revision) {
      began = revision;
    },
    since,
    list,
    get: (key) => entries.get(key),
    listAt(revision, namespace) {
      const then = new Map(entries);
      for (const { now, before } of since(revision).reverse()) {
        if (before) then.set(before.key, before);
        else if (now) then.delete(now.key);
      }
      return within(inOrder(then.values()), resource, namespace);
    },
    fill(entry) {
      entries.set(entry.key, entry);
      changed();
    },
    apply(change) {
      const { now, before } = change;
      if (now) entries.set(now.key, now);
      else if (before) entries.delete(before.key);
      changes.push(change);
      changed();
    },
    tell(changes) {
      for (const receive of followers) receive(changes);
    },
    follow(receive) {
      followers.add(receive);
      return () => followers.delete(receive);
    },
    forget(revision) {
      changes = since(revision);
    },
  };
}

function inOrder(entries: Iterable<Entry>): Entry[] {
  return [...entries].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function within(sorted: readonly Entry[], resource: Resource, namespace?: string): readonly Entry[] {
  if (!namespace || !resource.namespaced) return sorted;
  const prefix = prefixOf(resource, namespace);
  return sorted.filter(({ key }) => key.startsWith(prefix));
}

function firstAbove(changes: readonly Change[], revision: number): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((changes[middle]?.revision ?? 0) > revision) high = middle;
    else low = middle + 1;
  }
  return low;
}
