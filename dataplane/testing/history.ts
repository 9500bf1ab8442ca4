import type { Family } from '../../api/address.ts';
import { type KubeObject, keyOf } from '../../api/object.ts';
import type { EndpointSlice, Node, Service } from '../../api/types.ts';
import type { ProxyState } from '../dataplane.ts';
import { createModel } from '../model/model.ts';
import { nodeFacts } from '../node.ts';

/** What an informer would tell: an object as it is now, or without one, that it is gone. */
export interface Change {
  readonly kind: 'Service' | 'EndpointSlice' | 'Node';
  readonly key: string;
  readonly object?: KubeObject;
}

/** What one sync sees together. Changes are absolute, so a history without some of its steps is a history too. */
export interface Step {
  readonly what: string;
  readonly changes: readonly Change[];
}

export type History = readonly Step[];

/** One address family's view of a history, as a proxy keeps it. */
export interface Replay {
  apply(step: Step): void;
  /** Says what changed since the last call. Rows that did not change are the same objects as then. */
  state(): ProxyState;
}

const nodeName = 'worker';

/** @param localAddresses of the node's interfaces; default: those of its Node object. */
export function createReplay(family: Family, localAddresses?: readonly string[]): Replay {
  const model = createModel(family, nodeName);
  let node: Node | undefined;
  return {
    apply({ changes }) {
      for (const { kind, key, object } of changes) {
        if (kind === 'Service') model.setService(key, object as Service | undefined);
        else if (kind === 'EndpointSlice') model.setSlice(key, object as EndpointSlice | undefined);
        else node = object as Node | undefined;
      }
    },
    state() {
      // In this order, as each proxy's loop has it.
      const changed = new Set(model.changes().keys());
      const facts = nodeFacts(nodeName, node, localAddresses ? { localAddresses } : {});
      return { rows: model.rows(), changed, node: facts };
    },
  };
}

/** What stands after a history, as one step: what a proxy would see that starts now. */
export function endOf(history: History): Step {
  const all = new Map<string, Change>();
  for (const { changes } of history) for (const one of changes) all.set(`${one.kind} ${one.key}`, one);
  return { what: 'everything at once', changes: [...all.values()].filter(({ object }) => object) };
}

/** The changes from some objects to others. */
export function changesBetween(before: readonly KubeObject[], after: readonly KubeObject[]): Change[] {
  const nameOf = (object: KubeObject) => `${object.kind} ${keyOf(object)}`;
  const had = new Map(before.map((object) => [nameOf(object), object]));
  const has = new Map(after.map((object) => [nameOf(object), object]));
  const kindOf = ({ kind }: KubeObject) => kind as Change['kind'];
  return [
    ...[...had]
      .filter(([name]) => !has.has(name))
      .map(([, object]) => ({ kind: kindOf(object), key: keyOf(object) })),
    ...[...has]
      .filter(([name, object]) => JSON.stringify(had.get(name)) !== JSON.stringify(object))
      .map(([, object]) => ({ kind: kindOf(object), key: keyOf(object), object })),
  ];
}

/** Runs a history from its beginning; rejects where something is wrong after one of its steps. */
export type Trial = (history: History) => Promise<void>;

/**
 * Tries a history. When that fails, looks for a shorter one that fails too, and rejects with that, its seed and
 * what was wrong.
 *
 * @param trials how many times the trial may be run to find a shorter one.
 */
export async function tryHistory(seed: number, history: History, trial: Trial, trials = 200): Promise<void> {
  const first = await failureOf(trial, history);
  if (first === undefined) return;
  const shortest = await shrunk(history, trial, trials);
  const failure = (await failureOf(trial, shortest)) ?? first;
  const steps = shortest.map(
    ({ what, changes }, i) => `${i + 1}. ${what}\n${changes.map((one) => `   ${told(one)}`).join('\n')}`,
  );
  throw new Error(
    `seed ${seed}: ${failure}\nafter ${shortest.length} of ${history.length} steps:\n${steps.join('\n')}`,
  );
}

const told = ({ kind, key, object }: Change) =>
  `${kind} ${key} ${object ? JSON.stringify(object) : 'deleted'}`;

async function failureOf(trial: Trial, history: History): Promise<string | undefined> {
  try {
    await trial(history);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Leaves out steps, first half of them at a time and then fewer, then changes of a step, while it still fails. */
async function shrunk(history: History, trial: Trial, trials: number): Promise<History> {
  let left = trials;
  const fails = async (candidate: History) => left-- > 0 && (await failureOf(trial, candidate)) !== undefined;

  async function without<T>(all: readonly T[], toHistory: (rest: readonly T[]) => History) {
    let kept = all;
    for (let size = Math.ceil(kept.length / 2); size >= 1 && left > 0; size = Math.floor(size / 2))
      for (let at = kept.length - size; at > -size; at -= size) {
        const start = Math.max(at, 0);
        const rest = [...kept.slice(0, start), ...kept.slice(at + size)];
        if (rest.length < kept.length && (await fails(toHistory(rest)))) kept = rest;
      }
    return kept;
  }

  const steps = await without(history, (rest) => rest);
  let shortest = steps;
  for (const [i, step] of steps.entries()) {
    const replaced = (changes: readonly Change[]) =>
      shortest.map((one, n) => (n === i ? { ...one, changes } : one));
    shortest = replaced(await without(step.changes, replaced));
  }
  const telling = shortest.filter(({ changes }) => changes.length > 0);
  return (await fails(telling)) ? telling : shortest;
}
