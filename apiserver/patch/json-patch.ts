import { define } from './merge.ts';

/** A JSON patch that does not apply; upstream: evanphx/json-patch 4.12 `patch.go`, whose words these are. */
export class JsonPatchError extends Error {}

/** Bytes that the `copy` operations of one patch may add. Upstream: `JSONPatchMaxCopyBytes`. */
const mostCopied = 3 * 1024 * 1024;

type Container = unknown[] | Record<string, unknown>;

/**
 * Applies a JSON patch (RFC 6902) and returns the result; the arguments stay as they are. As upstream's library does, a
 * negative index counts from the end of a list, and a `test` of null holds where nothing is.
 *
 * @throws JsonPatchError
 */
export function jsonPatch(original: unknown, operations: readonly unknown[]): unknown {
  const state: State = { document: structuredClone(original), copied: 0 };
  for (const operation of operations) {
    const { op, path, from, value } = fieldsOf(operation);
    verbs[op]?.(state, path, from, structuredClone(value));
  }
  return state.document;
}

interface State {
  document: unknown;
  copied: number;
}

type Verb = (state: State, path: string, from: string, value: unknown) => void;

const missing = 'missing value';

const verbs: Readonly<Record<string, Verb | undefined>> = Object.assign(Object.create(null), {
  add(state, path, _from, value) {
    if (path === '') state.document = value;
    else {
      const place = find(
        state,
        path,
        `add operation does not apply: doc is missing path: ${JSON.stringify(path)}`,
      );
      put(place, value, `error in add for path: '${path}'`);
    }
  },
  remove(state, path) {
    const place = find(
      state,
      path,
      `remove operation does not apply: doc is missing path: ${JSON.stringify(path)}`,
    );
    take(place, `error in remove for path: '${path}'`);
  },
  replace(state, path, _from, value) {
    if (path === '') {
      state.document = value;
      return;
    }
    const place = find(state, path, `replace operation does not apply: doc is missing path: ${path}`);
    const { container, key } = place;
    if (read(place) === undefined) {
      throw new JsonPatchError(`replace operation does not apply: doc is missing key: ${path}: ${missing}`);
    }
    if (Array.isArray(container)) container[indexOf(container, key)] = value;
    else define(container, key, value);
  },
  move(state, path, from) {
    const source = find(state, from, `move operation does not apply: doc is missing from path: ${from}`);
    const moved = take(source, `error in move for path: '${from}'`);
    const to = find(state, path, `move operation does not apply: doc is missing destination path: ${path}`);
    put(to, moved, `error in move for path: '${path}'`);
  },
  copy(state, path, from) {
    const source = find(state, from, `copy operation does not apply: doc is missing from path: ${from}`);
    const found = read(source);
    if (found === undefined) throw new JsonPatchError(`error in copy for from: '${from}': ${missing}`);
    const text = JSON.stringify(found);
    state.copied += Buffer.byteLength(text);
    if (state.copied > mostCopied) {
      throw new JsonPatchError(
        `Unable to complete the copy, the accumulated size increase of copy is ${state.copied}, exceeding the limit ${mostCopied}`,
      );
    }
    const to = find(state, path, `copy operation does not apply: doc is missing destination path: ${path}`);
    put(to, JSON.parse(text), 'error while adding value during copy');
  },
  test(state, path, _from, value) {
    const found =
      path === ''
        ? state.document
        : read(find(state, path, `test operation does not apply: is missing path: ${path}`));
    if (!sameValue(found ?? null, value ?? null)) {
      throw new JsonPatchError(`testing value ${path} failed: test failed`);
    }
  },
} satisfies Record<string, Verb>);

function fieldsOf(operation: unknown) {
  const own = (key: string) =>
    typeof operation === 'object' && operation !== null && Object.hasOwn(operation, key)
      ? (operation as Record<string, unknown>)[key]
      : undefined;
  const [op, path, from] = [own('op'), own('path'), own('from')];
  const kind = typeof op === 'string' ? op : 'unknown';
  if (!verbs[kind]) throw new JsonPatchError(`Unexpected kind: ${kind}`);
  if (typeof path !== 'string') throw new JsonPatchError(`operation missing path field: ${missing}`);
  if ((op === 'move' || op === 'copy') && typeof from !== 'string') {
    throw new JsonPatchError(`operation, missing from field: ${missing}`);
  }
  return {
    op: kind,
    path,
    from: typeof from === 'string' ? from : '',
    value: own('value') ?? null,
  };
}

interface Place {
  container: Container;
  key: string;
}

/** What holds the last step of a path (RFC 6901). */
function find({ document }: State, path: string, otherwise: string): Place {
  const steps = path.split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const key = steps.pop() ?? '';
  let container: unknown = steps.length === 0 ? undefined : document;
  for (const step of steps.slice(1)) {
    if (!isContainer(container)) break;
    container = read({ container, key: step }, otherwise);
  }
  if (!isContainer(container)) throw new JsonPatchError(`${otherwise}: ${missing}`);
  return { container, key };
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

/** @throws JsonPatchError for what is no index of a list; with `otherwise`, in these words */
function read({ container, key }: Place, otherwise?: string): unknown {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined;
  if (otherwise !== undefined && !isIndex(container, key)) return undefined;
  return container[indexOf(container, key)];
}

function isIndex(list: readonly unknown[], key: string): boolean {
  return /^[+-]?\d+$/.test(key) && Number(key) < list.length && Number(key) >= -list.length;
}

/** @param length of the list once something is put there */
function indexOf(list: readonly unknown[], key: string, length = list.length): number {
  if (!/^[+-]?\d+$/.test(key)) {
    throw new JsonPatchError(
      `value was not a proper array index: '${key}': strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`,
    );
  }
  const index = Number(key);
  if (index >= length || index < -length) {
    throw new JsonPatchError(`Unable to access invalid index: ${index}: invalid index referenced`);
  }
  return index < 0 ? index + length : index;
}

function put({ container, key }: Place, value: unknown, otherwise: string): void {
  if (!Array.isArray(container)) define(container, key, value);
  else if (key === '-') container.push(value);
  else
    container.splice(
      within(otherwise, () => indexOf(container, key, container.length + 1)),
      0,
      value,
    );
}

function take({ container, key }: Place, otherwise: string): unknown {
  if (Array.isArray(container))
    return container.splice(
      within(otherwise, () => indexOf(container, key)),
      1,
    )[0];
  if (!Object.hasOwn(container, key)) {
    throw new JsonPatchError(`${otherwise}: Unable to remove nonexistent key: ${key}: ${missing}`);
  }
  const value = container[key];
  delete container[key];
  return value;
}

function within<T>(otherwise: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof JsonPatchError ? new JsonPatchError(`${otherwise}: ${error.message}`) : error;
  }
}

function sameValue(a: unknown, b: unknown): boolean {
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) return a === b;
  const keys = Object.keys(a);
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameValue(left[key], right[key]))
  );
}
