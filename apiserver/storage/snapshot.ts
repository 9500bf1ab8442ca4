import { createHash } from 'node:crypto';
import { masterLeases, root } from './keys.ts';
import type { Storage, StoredValue } from './storage.ts';

/** All that a storage held at one moment. */
export interface Snapshot {
  revision: number;
  values: StoredValue[];
}

const title = 'vethernetes snapshot 1';

/**
 * A snapshot as text: a line that says what follows, a line for each key, and a checksum of all these.
 *
 * ```
 * vethernetes snapshot 1 REVISION COUNT
 * /registry/pods/default/web 42 {"kind":"Pod",…}
 * sha256 0c9d…
 * ```
 *
 * @throws Error naming a key whose value is no line
 */
export function* encodeSnapshot({ revision, values }: Snapshot): Generator<Buffer> {
  const hash = createHash('sha256');
  const line = (...parts: (string | Buffer)[]): Buffer => {
    const bytes = Buffer.concat([...parts, '\n'].map((part) => Buffer.from(part)));
    hash.update(bytes);
    return bytes;
  };
  yield line(`${title} ${revision} ${values.length}`);
  for (const { key, revision, value } of values) {
    // Upstream's apiserver ends its JSON with a line feed.
    const trimmed = value.at(-1) === lineFeed ? value.subarray(0, -1) : value;
    if (trimmed.includes(lineFeed) || /\s/.test(key))
      throw new Error(`${key} is not JSON of one line, and has no place in a snapshot`);
    yield line(`${key} ${revision} `, trimmed);
  }
  yield Buffer.from(`sha256 ${hash.digest('hex')}\n`);
}

const lineFeed = 10;

/**
 * Reads what {@link encodeSnapshot} wrote, all of it or nothing.
 * @param name of the file, for messages
 * @throws Error that says whether it is no snapshot, cut off or damaged
 */
export function decodeSnapshot(bytes: Buffer, name: string): Snapshot {
  const head = bytes.subarray(0, 200).toString('latin1').split('\n', 1)[0] ?? '';
  const [, revisionText, countText] = new RegExp(`^${title} (\\d+) (\\d+)$`).exec(head) ?? [];
  if (revisionText === undefined)
    throw new Error(`${name} is no snapshot: it begins with ${JSON.stringify(head.slice(0, 40))}`);
  const [revision, count] = [Number(revisionText), Number(countText)];
  const values: StoredValue[] = [];
  let at = head.length + 1;
  for (;;) {
    const end = bytes.indexOf(lineFeed, at);
    if (end < 0) throw new Error(`${name} is cut off after ${values.length} of ${count} keys`);
    const line = bytes.subarray(at, end);
    if (line.subarray(0, 7).toString('latin1') === 'sha256 ') {
      check(bytes, at, line.subarray(7).toString('latin1'), name);
      if (end + 1 !== bytes.length) throw new Error(`${name} is damaged: something follows its checksum`);
      break;
    }
    values.push(entryOf(line, name, values.length + 2));
    at = end + 1;
  }
  if (values.length !== count)
    throw new Error(`${name} is damaged: it has ${values.length} keys, not the ${count} it says`);
  return { revision, values };
}

function check(bytes: Buffer, length: number, expected: string, name: string): void {
  const actual = createHash('sha256').update(bytes.subarray(0, length)).digest('hex');
  if (actual !== expected)
    throw new Error(`${name} is damaged: its checksum is sha256 ${actual}, and it says ${expected}`);
}

function entryOf(line: Buffer, name: string, number: number): StoredValue {
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  const key = line.subarray(0, Math.max(0, first)).toString();
  const revision = Number(line.subarray(first + 1, second).toString());
  if (first < 0 || second < 0 || !key.startsWith(root) || !Number.isSafeInteger(revision))
    throw new Error(`${name} is damaged: line ${number} is no key with its revision and value`);
  return { key, revision, value: Buffer.from(line.subarray(second + 1)) };
}

/** What is worth keeping of a storage: not who serves it at the moment. */
export async function takeSnapshot(storage: Storage): Promise<Snapshot> {
  const { revision, values } = await storage.range(root);
  return { revision, values: values.filter(({ key }) => !key.startsWith(masterLeases)) };
}

/** Others write in the meantime; each pass does what is left. */
const mostPasses = 20;

/**
 * Brings a storage that is in use to what a snapshot says, write by write: revisions grow, watchers are told.
 * Resolves to how many keys were written and removed.
 */
export async function restoreInto(
  storage: Storage,
  snapshot: Snapshot,
): Promise<{ written: number; removed: number }> {
  const wanted = new Map(snapshot.values.map(({ key, value }) => [key, value]));
  const done = { written: 0, removed: 0 };
  for (let pass = 1; ; pass++) {
    const { values } = await takeSnapshot(storage);
    const present = new Map(values.map((one) => [one.key, one]));
    const put = [...wanted].filter(([key, value]) => !present.get(key)?.value.equals(value));
    const gone = values.filter(({ key }) => !wanted.has(key));
    if (put.length + gone.length === 0) return done;
    if (pass > mostPasses)
      throw new Error(
        `others go on changing ${put[0]?.[0] ?? gone[0]?.key}: stop the controllers that do, and restore again`,
      );
    for (const [key, value] of put) {
      const { ok } = await storage.put(key, value, present.get(key)?.revision ?? 0, timeToLive(key));
      if (ok) done.written++;
    }
    for (const { key, revision } of gone) if ((await storage.delete(key, revision)).ok) done.removed++;
    // What controllers and kubelets write at once is theirs.
    if (pass > 1 && put.length + gone.length < 50) return done;
  }
}

/** Events go by themselves; seconds as of `--event-ttl`. */
const timeToLive = (key: string) => (key.startsWith(`${root}events/`) ? { ttl: 3_600 } : {});
