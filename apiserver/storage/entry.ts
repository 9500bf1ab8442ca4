import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import type { ObjectMeta } from '../../api/types.ts';

/** One version of one object as the cache holds it: encoded once, decoded only when somebody looks inside. */
export interface Entry {
  readonly key: string;
  readonly revision: number;
  /** JSON with `metadata.resourceVersion`, ready for the wire. */
  readonly wire: Buffer;
  /** The same without `kind` and `apiVersion`, as items of a list are. */
  readonly item: readonly Buffer[];
  /** Shared by all who ask: never modify it. */
  readonly object: KubeObject;
  /** Of the object, which is not decoded for that. */
  readonly metadata: ObjectMeta;
  /** The line of a watch that tells of this write, of which `wire` is a part. */
  readonly frame: Frame;
  /** Lets go of what can be decoded again: for a version that only history holds. */
  release(): void;
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface Frame {
  type: EventType;
  /** `{"type":"ADDED","object":…}` and a line feed. */
  bytes: Buffer;
}

const frameStart: Record<EventType, Buffer> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};
const frameEnd = Buffer.from('}\n');
const openBrace = Buffer.from('{');
const closeBrace = Buffer.from('}');
const comma = Buffer.from(',');
const lineFeed = 10;
/** Upstream: `runtime/serializer/protobuf`. */
const protobuf = Buffer.from('k8s\0');

/** The value to store: `kind` and `apiVersion` first, `metadata` next and without `resourceVersion`. */
export function encodeValue(resource: Resource, object: KubeObject): Buffer {
  const { apiVersion: _, kind: __, metadata, ...rest } = object;
  const { resourceVersion: ___, ...stored } = metadata ?? {};
  const apiVersion = apiVersionOf(resource.stored ?? resource);
  return Buffer.from(JSON.stringify({ kind: resource.kind, apiVersion, metadata: stored, ...rest }));
}

/**
 * @param type of the event that the write is: MODIFIED where there was an object before
 * @throws Error naming the key of a value that is no object of the kind
 */
export function createEntry(
  resource: Resource,
  key: string,
  revision: number,
  stored: Buffer,
  type: EventType = 'ADDED',
): Entry {
  const row = rowOf(resource, stored);
  const { head, typed } = beginningOf(row);
  const value = isOwnForm(stored, head) ? stored : fromForeign(row, key, stored);
  const metadata = head.length;
  const { frame, wire } = encodeFrame(type, [
    value.subarray(0, metadata),
    Buffer.from(`"resourceVersion":"${revision}"`),
    ...(value[metadata] === closeBrace[0] ? [] : [comma]),
    value.subarray(metadata),
  ]);
  let object: KubeObject | WeakRef<KubeObject> | undefined;
  let metadataAlone: ObjectMeta | undefined;
  return {
    key,
    revision,
    wire,
    frame,
    get item() {
      return [openBrace, wire.subarray(typed)];
    },
    get object() {
      const known = object instanceof WeakRef ? object.deref() : object;
      if (known) return known;
      const decoded = JSON.parse(wire.toString('utf8')) as KubeObject;
      object = wire.length > largestDecoded ? new WeakRef(decoded) : decoded;
      return decoded;
    },
    get metadata() {
      const known = object instanceof WeakRef ? object.deref() : object;
      if (known) return known.metadata ?? {};
      if (wire.length <= largestDecoded) return this.object.metadata ?? {};
      metadataAlone ??= JSON.parse(objectAt(wire, metadata - 1)) as ObjectMeta;
      return metadataAlone;
    },
    release() {
      object = undefined;
      metadataAlone = undefined;
    },
  };
}

/** The text of the object that begins at a `{`. */
function objectAt(json: Buffer, start: number): string {
  let depth = 0;
  let inString = false;
  for (let at = start; at < json.length; at++) {
    const byte = json[at];
    if (byte === quote) inString = !inString;
    else if (!inString && byte === openBrace[0]) depth++;
    else if (!inString && byte === closeBrace[0] && --depth === 0)
      return json.toString('utf8', start, at + 1);
    else if (inString && byte === backslash) at++;
  }
  throw new Error(`no object ends after byte ${start} of ${json.length}`);
}

const quote = 0x22;
const backslash = 0x5c;

/** Bytes up to which what is decoded stays: a selector over many large objects must not hold them all twice. */
const largestDecoded = 4 * 1024;

/** A line of a watch of an object in parts; `wire` is the object in it. */
export function encodeFrame(type: EventType, object: readonly Uint8Array[]): { frame: Frame; wire: Buffer } {
  const parts = [frameStart[type], ...object, frameEnd];
  // Memory of its own: in the pool of small buffers each would keep 8 KB of others' alive.
  const bytes = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const wire = bytes.subarray(frameStart[type].length, bytes.length - frameEnd.length);
  return { frame: { type, bytes }, wire };
}

/**
 * Objects of a custom kind stay in the version that they were stored in when another becomes the stored one, until they are
 * written again: only a webhook may know how to turn one into the other.
 */
function rowOf(resource: Resource, stored: Buffer): Resource {
  if (!resource.stored) return resource;
  const [, group, version] = storedVersion.exec(stored.toString('latin1', 0, longestBeginning)) ?? [];
  if (version === undefined || group !== resource.group || version === resource.stored.version)
    return resource;
  const others = otherVersions.get(resource) ?? new Map<string, Resource>();
  const { stored: _, ...row } = resource;
  const other = others.get(version) ?? { ...row, version };
  otherVersions.set(resource, others.set(version, other));
  return other;
}

const storedVersion = /^\{(?:"kind":"[^"]*",)?"apiVersion":"([^"/]+)\/([^"]+)"/;
const longestBeginning = 1_024;
const otherVersions = new WeakMap<Resource, Map<string, Resource>>();

interface Beginning {
  /** `{"kind":"Pod","apiVersion":"v1","metadata":{` */
  head: Buffer;
  /** Length of the part before `metadata`. */
  typed: number;
}

const beginnings = new WeakMap<Resource, Beginning>();

function beginningOf(resource: Resource): Beginning {
  let beginning = beginnings.get(resource);
  if (!beginning) {
    const { kind } = resource;
    const typed = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersionOf(resource.stored ?? resource))},`;
    beginning = { head: Buffer.from(`${typed}"metadata":{`), typed: Buffer.byteLength(typed) };
    beginnings.set(resource, beginning);
  }
  return beginning;
}

/** Upstream's JSON begins the same, but ends with a line feed, which would end a line of a watch. */
function isOwnForm(value: Buffer, head: Buffer): boolean {
  return value.at(-1) === closeBrace[0] && value.subarray(0, head.length).equals(head);
}

/** What another apiserver wrote: with a line feed, in another version of the group, in its own order. */
function fromForeign(resource: Resource, key: string, value: Buffer): Buffer {
  const { head } = beginningOf(resource);
  if (value.at(-1) === lineFeed && isOwnForm(value.subarray(0, -1), head)) return value.subarray(0, -1);
  if (value.subarray(0, 4).equals(protobuf)) {
    throw new Error(
      `${key} is stored as protobuf; start the apiserver that writes it with --storage-media-type=application/json`,
    );
  }
  try {
    const object = JSON.parse(value.toString('utf8')) as KubeObject;
    if (typeof object === 'object' && object?.kind === resource.kind) return encodeValue(resource, object);
  } catch {
    // Said below, with the key.
  }
  throw new Error(
    `${key} holds no ${resource.kind} but ${JSON.stringify(value.subarray(0, 60).toString())}; restore the database from a snapshot, or remove the key`,
  );
}

/** The same object under another revision: the last state of a removed object carries the removal's. */
export function atRevision(entry: Entry, revision: number): Entry {
  const before = `"resourceVersion":"${entry.revision}"`;
  const start = entry.wire.indexOf(before);
  const { frame, wire } = encodeFrame('DELETED', [
    entry.wire.subarray(0, start),
    Buffer.from(`"resourceVersion":"${revision}"`),
    entry.wire.subarray(start + before.length),
  ]);
  let object: KubeObject | undefined;
  return {
    key: entry.key,
    revision,
    wire,
    frame,
    get item() {
      return [openBrace, wire.subarray(wire.indexOf('"metadata":{'))];
    },
    get object() {
      if (object) return object;
      const { metadata, ...rest } = entry.object;
      object = { ...rest, metadata: { ...metadata, resourceVersion: String(revision) } };
      return object;
    },
    get metadata() {
      return { ...entry.metadata, resourceVersion: String(revision) };
    },
    release() {
      object = undefined;
    },
  };
}
