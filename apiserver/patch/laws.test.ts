import jsonPatch from 'fast-json-patch';
import { expect, it } from 'vitest';
import { jsonPatch as applyJsonPatch, JsonPatchError } from './json-patch.ts';
import { mergePatch } from './merge.ts';
import { modelSchema } from './patch-schema.ts';
import { type JsonMap, strategicMerge } from './strategic.ts';

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

const rounds = 400;
const isMap = (value: unknown): value is JsonMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function kit(seed: number) {
  const random = generator(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const some = <T>(most: number, make: () => T): T[] =>
    Array.from({ length: Math.floor(random() * (most + 1)) }, make);
  const name = () => pick(['a', 'b', 'c', 'd']);
  const value = (depth: number): unknown => {
    const kind = random();
    if (depth <= 0 || kind < 0.4) return pick<unknown>([0, 1, 'x', true]);
    return kind < 0.6 ? some(3, () => value(depth - 1)) : document(depth - 1);
  };
  const document = (depth: number): JsonMap =>
    Object.fromEntries(some(4, name).map((key) => [key, value(depth)]));
  const chance = (share: number) => random() < share;
  return { pick, some, name, value, document, chance };
}

function pathsIn(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, item]) => pathsIn(item, `${path}/${key}`));
  return [path, ...inner, Array.isArray(value) ? `${path}/-` : `${path}/new`];
}

it('a JSON patch does what another implementation makes of it, or is refused by both', () => {
  let applied = 0;
  for (let seed = 1; seed <= rounds; seed++) {
    const { pick, some, value, document } = kit(seed);
    const before = document(2);
    const places = pathsIn(before).filter((path) => path !== '');
    if (places.length === 0) continue;
    const patch = some(4, () => {
      const path = pick(places);
      // What is moved into itself makes a circle of the other implementation's document.
      const outside = places.filter((from) => !path.startsWith(`${from}/`) && !from.endsWith('/-'));
      const kinds = [
        { op: 'add', path, value: value(1) },
        { op: 'remove', path },
        { op: 'replace', path, value: value(1) },
      ];
      const from = outside.length > 0 ? pick(outside) : path;
      return pick([
        ...kinds,
        { op: 'move', from, path },
        { op: 'copy', from, path },
        { op: 'test', path, value: value(0) },
      ]);
    });
    const other = attempt(() => {
      const operations = structuredClone(patch) as Parameters<typeof jsonPatch.applyPatch>[1];
      return jsonPatch.applyPatch(structuredClone(before), operations, true).newDocument;
    });
    const own = attempt(() => applyJsonPatch(before, patch));
    expect(own, JSON.stringify([before, patch])).toEqual(other);
    if (own !== undefined) applied++;
  }
  expect(applied).toBeGreaterThan(rounds / 4);
});

function attempt(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    if (error instanceof JsonPatchError || error instanceof jsonPatch.JsonPatchError) return undefined;
    throw error;
  }
}

/** The merge patch that makes one document of another (RFC 7386). */
function mergeDifference(before: JsonMap, after: JsonMap): JsonMap {
  const patch: JsonMap = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[key], after[key]];
    if (is === undefined) patch[key] = null;
    else if (isMap(was) && isMap(is)) patch[key] = mergeDifference(was, is);
    else if (JSON.stringify(was) !== JSON.stringify(is)) patch[key] = is;
  }
  return patch;
}

it('a merge patch leads from any document to any other, and twice is once', () => {
  for (let seed = 1; seed <= rounds; seed++) {
    const { document } = kit(seed);
    const [before, after] = [document(3), document(3)];
    const patch = mergeDifference(before, after);
    expect(mergePatch(before, patch)).toEqual(after);
    expect(mergePatch(mergePatch(before, patch), patch)).toEqual(after);
  }
});

const keys: Readonly<Record<string, string>> = {
  containers: 'name',
  ports: 'containerPort',
  env: 'name',
  volumes: 'name',
};

/** The patch that `kubectl apply` would send: items by their keys, deletions by directives, an order. */
function strategicDifference(before: JsonMap, after: JsonMap): JsonMap {
  const patch: JsonMap = {};
  for (const field of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[field], after[field]];
    const key = keys[field];
    if (is === undefined) patch[field] = null;
    else if (Array.isArray(was) && Array.isArray(is) && key) {
      Object.assign(patch, listDifference(field, key, was as JsonMap[], is as JsonMap[]));
    } else if (isMap(was) && isMap(is)) patch[field] = strategicDifference(was, is);
    else if (JSON.stringify(was) !== JSON.stringify(is)) patch[field] = is;
  }
  return patch;
}

function listDifference(field: string, key: string, before: JsonMap[], after: JsonMap[]): JsonMap {
  const find = (items: JsonMap[], item: JsonMap) => items.find((other) => other[key] === item[key]);
  const changed = after.map((item): JsonMap => {
    const was = find(before, item);
    return was ? { ...strategicDifference(was, item), [key]: item[key] } : item;
  });
  const gone = before
    .filter((item) => !find(after, item))
    .map((item) => ({ $patch: 'delete', [key]: item[key] }));
  if (changed.length + gone.length === 0) return {};
  return {
    [field]: [...changed, ...gone],
    [`$setElementOrder/${field}`]: after.map((item) => ({ [key]: item[key] })),
  };
}

it('a strategic merge patch leads from any pod to any other', () => {
  for (let seed = 1; seed <= rounds; seed++) {
    const { pick, some, name, chance } = kit(seed);
    const unique = (items: JsonMap[], key: string) => [
      ...new Map(items.map((item) => [item[key], item])).values(),
    ];
    const container = (): JsonMap => ({
      name: name(),
      ...(chance(0.6) ? { image: name() } : {}),
      ...(chance(0.4) ? { args: some(2, name) } : {}),
      ...(chance(0.5)
        ? {
            ports: unique(
              some(3, () => ({ containerPort: pick([80, 81, 82]), name: name() })),
              'containerPort',
            ),
          }
        : {}),
      ...(chance(0.5)
        ? {
            env: unique(
              some(3, () => ({ name: name(), value: name() })),
              'name',
            ),
          }
        : {}),
    });
    const pod = (): JsonMap => ({
      spec: {
        containers: unique(some(3, container), 'name'),
        ...(chance(0.5) ? { nodeSelector: { [name()]: name() } } : {}),
        ...(chance(0.5) ? { tolerations: some(2, () => ({ key: name() })) } : {}),
        ...(chance(0.5)
          ? {
              volumes: unique(
                some(3, () => ({ name: name(), hostPath: { path: name() } })),
                'name',
              ),
            }
          : {}),
      },
    });
    const [before, after] = [pod(), pod()];
    const patch = strategicDifference(before, after);
    expect(strategicMerge(before, patch, modelSchema('Pod')), JSON.stringify([before, patch])).toEqual(after);
  }
});
