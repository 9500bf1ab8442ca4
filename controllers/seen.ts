import type { Informer } from '../api/informer.ts';
import { type KubeObject, keyOf } from '../api/object.ts';

/** A watch that is slower than this is broken; then the next event repairs what a stale look did. */
const patience = 10_000;

/**
 * Resolves with `written` once the informer shows that write or a later one, so that the next look at the
 * store does not act on the state before it. Upstream tracks the same per controller (`endpointSliceTracker`).
 */
export function untilSeen<T extends KubeObject>(informer: Informer<T>, written: T): Promise<T> {
  const key = keyOf(written);
  const isSeen = (object: T | undefined) => object !== undefined && !isOlder(object, written);
  if (isSeen(informer.store.get(key))) return Promise.resolve(written);
  return wait(
    informer,
    written,
    (change) => change.key === key && (change.type === 'deleted' || isSeen(change.object)),
  );
}

/** Resolves once the informer no longer shows `removed`. */
export async function untilGone<T extends KubeObject>(informer: Informer<T>, removed: T): Promise<void> {
  const key = keyOf(removed);
  const isGone = (object: T | undefined) => object?.metadata?.uid !== removed.metadata?.uid;
  if (isGone(informer.store.get(key))) return;
  await wait(
    informer,
    removed,
    (change) => change.key === key && (change.type === 'deleted' || isGone(change.object)),
  );
}

type ChangeOf<T> = Parameters<Parameters<Informer<T & KubeObject>['onChange']>[0]>[0];

function wait<T extends KubeObject>(
  informer: Informer<T>,
  value: T,
  until: (change: ChangeOf<T>) => boolean,
): Promise<T> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stop();
      resolve(value);
    };
    const timer = setTimeout(done, patience).unref();
    const stop = informer.onChange((change) => {
      if (until(change as ChangeOf<T>)) done();
    });
  });
}

/** Versions of one collection grow; comparing them as numbers is what KEP-5504 allows. */
function isOlder(object: KubeObject, than: KubeObject): boolean {
  return Number(object.metadata?.resourceVersion) < Number(than.metadata?.resourceVersion);
}
