import { type KubeObject, keyOf } from '../../api/object.ts';
import { randomHistory } from '../../dataplane/testing/randomhistory.ts';

/** What a history comes to after so many of its steps. */
export interface HistoryState {
  /** Steps must not go back. `what` names the steps since the last call. */
  after(steps: number): { what: string[]; objects: KubeObject[] };
}

/** A random history of the dataplane, as the objects that stand at its steps. */
export function createHistoryState(seed: number, steps: number): HistoryState {
  const history = randomHistory(seed, steps);
  const standing = new Map<string, KubeObject>();
  let done = 0;
  return {
    after(wanted) {
      const part = history.slice(done, wanted);
      done = wanted;
      for (const { changes } of part)
        for (const { kind, key, object } of changes)
          if (object) standing.set(`${kind} ${key}`, object);
          else standing.delete(`${kind} ${key}`);
      const objects = [...standing.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
      return { what: part.map(({ what }) => what), objects };
    },
  };
}
