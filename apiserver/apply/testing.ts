import type { KubeObject } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import { StatusError } from '../../api/status.ts';
import type { ConfigMap, ManagedFieldsEntry } from '../../api/types.ts';
import { applyConfiguration, entriesAfterUpdate } from './manage.ts';
import { fieldWrite } from './write.ts';

/** A field of the model: who owns it, and what it is. */
interface Leaf {
  value: string;
  owners: Set<string>;
}

/** `data` of a ConfigMap as the model has it: each entry a leaf. */
interface Model {
  leaves: Map<string, Leaf>;
  /**
   * Owners of `data` itself: who brought it there by an update. They are, until an update takes it away or an apply that
   * is forced brings it back.
   */
  owners: Set<string>;
}

const managers = ['ann', 'bob', 'cyd'];
const keys = ['a', 'b', 'c', 'd'];

/**
 * Plays a random history of updates and applies, forced and not, on a ConfigMap, beside a model that knows nothing of
 * sets of paths: a map from leaves to values and owners.
 *
 * @returns `same`, or where the two differ
 */
export function checkAgainstModel(seed: number, steps: number): string {
  const random = generator(seed);
  let model: Model = { leaves: new Map(), owners: new Set() };
  let live: KubeObject | undefined;
  const told: string[] = [];
  for (let step = 0; step < steps; step++) {
    const name = pick(random, managers);
    const wanted = leaves(random);
    const force = random() < 0.5;
    if (live && random() < 0.5) {
      told.push(`${name} updates to ${JSON.stringify([...wanted])}`);
      model = update(model, name, wanted);
      const next = objectOf(wanted);
      const write = writeOf(name);
      const entries = entriesAfterUpdate(write, live, next, undefined);
      live = withEntries(next, entries);
    } else {
      told.push(`${name} applies ${JSON.stringify([...wanted])}${force ? ', forced' : ''}`);
      const expected = apply(model, name, wanted, force);
      const applied = attempt(
        () => applyConfiguration({ ...writeOf(name), force }, live, objectOf(wanted)).object,
      );
      if ((expected === undefined) !== (applied === undefined)) {
        return `${told.join('; ')}: the model ${expected ? 'has no' : 'has a'} conflict`;
      }
      if (expected && applied) {
        model = expected;
        live = withoutNulls(applied);
      }
    }
    const difference = live ? compareWith(model, live) : '';
    if (difference) return `${told.join('; ')}: ${difference}`;
  }
  return 'same';
}

function update(model: Model, name: string, wanted: ReadonlyMap<string, string>): Model {
  const self = `Update ${name}`;
  const leaves = new Map<string, Leaf>();
  for (const [key, value] of wanted) {
    const before = model.leaves.get(key);
    leaves.set(key, { value, owners: before?.value === value ? new Set(before.owners) : new Set([self]) });
  }
  if (model.leaves.size > 0 === leaves.size > 0) return { leaves, owners: model.owners };
  return { leaves, owners: new Set(leaves.size > 0 ? [self] : []) };
}

function apply(
  model: Model,
  name: string,
  wanted: ReadonlyMap<string, string>,
  force: boolean,
): Model | undefined {
  const self = `Apply ${name}`;
  const leaves = new Map<string, Leaf>();
  const returns = model.leaves.size === 0 && wanted.size > 0;
  if (returns && model.owners.size > 0 && !force) return undefined;
  for (const [key, { value, owners }] of model.leaves) {
    const others = [...owners].filter((owner) => owner !== self);
    const asked = wanted.get(key);
    if (asked === undefined) {
      if (owners.has(self) && others.length === 0) continue;
      leaves.set(key, { value, owners: new Set(others) });
    } else if (asked === value) leaves.set(key, { value, owners: new Set([...others, self]) });
    else if (others.length > 0 && !force) return undefined;
    else leaves.set(key, { value: asked, owners: new Set([self]) });
  }
  for (const [key, value] of wanted)
    if (!model.leaves.has(key)) leaves.set(key, { value, owners: new Set([self]) });
  return { leaves, owners: returns ? new Set() : model.owners };
}

function compareWith({ leaves, owners }: Model, object: KubeObject): string {
  const { data = {} } = object as ConfigMap;
  const values = JSON.stringify(Object.entries(data).sort());
  const expected = JSON.stringify([...leaves].map(([key, { value }]) => [key, value]).sort());
  if (values !== expected) return `data is ${values}, not ${expected}`;
  const entries = object.metadata?.managedFields ?? [];
  const ownersOf = (owns: (fields: Record<string, true>) => boolean) =>
    entries
      .filter(({ fieldsV1 }) => owns(dataOf(fieldsV1)))
      .map(({ operation, manager }) => `${operation} ${manager}`)
      .sort()
      .join();
  const all: [string, string, Set<string>][] = [
    ['data', ownersOf((fields) => '' in fields), owners],
    ...[...leaves].map(([key, leaf]): [string, string, Set<string>] => [
      key,
      ownersOf((fields) => key in fields),
      leaf.owners,
    ]),
  ];
  for (const [what, is, wanted] of all) {
    const should = [...wanted].sort().join();
    if (is !== should) return `${what} is owned by [${is}], not [${should}]`;
  }
  return '';
}

/** Names below `f:data`, without what says that they are fields; the empty one is `data` itself. */
function dataOf(fieldsV1: unknown): Record<string, true> {
  const { 'f:data': data } = (fieldsV1 ?? {}) as { 'f:data'?: object };
  if (!data) return {};
  const elements = Object.keys(data);
  return Object.fromEntries((elements.length === 0 ? ['.'] : elements).map((one) => [one.slice(2), true]));
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof StatusError && error.reason === 'Conflict') return undefined;
    throw error;
  }
}

/** As a decoder leaves it: a field that is null is not there. */
const withoutNulls = (object: KubeObject): KubeObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));

const writeOf = (name: string) =>
  fieldWrite({ resource: resources.configmaps, as: resources.configmaps }, name, new Date(0));

const objectOf = (wanted: ReadonlyMap<string, string>): KubeObject & ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'm', labels: { always: 'here' } },
  ...(wanted.size > 0 ? { data: Object.fromEntries(wanted) } : {}),
});

function withEntries(object: KubeObject, entries: readonly ManagedFieldsEntry[] | undefined): KubeObject {
  return { ...object, metadata: { ...object.metadata, ...(entries ? { managedFields: [...entries] } : {}) } };
}

function leaves(random: () => number): Map<string, string> {
  const chosen = keys.filter(() => random() < 0.5);
  return new Map(chosen.map((key) => [key, random() < 0.5 ? '0' : '1']));
}

const pick = <T>(random: () => number, items: readonly T[]): T =>
  items[Math.floor(random() * items.length)] as T;

/** mulberry32: the same numbers for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
