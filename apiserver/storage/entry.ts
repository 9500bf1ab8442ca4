import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';

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
}

const openBrace = Buffer.from('{');
const closeBrace = Buffer.from('}');
const comma = Buffer.from(',');

/** The value to store: `kind` and `apiVersion` first, `metadata` next and without `resourceVersion`. */
export function encodeValue(resource: Resource, object: KubeObject): Buffer {
  const { apiVersion: _, kind: __, metadata, ...rest } = object;
  const { resourceVersion: ___, ...stored } = metadata ?? {};
  return Buffer.from(
    JSON.stringify({ kind: resource.kind, apiVersion: apiVersionOf(resource), metadata: stored, ...rest }),
  );
}

export function createEntry(resource: Resource, key: string, revision: number, value: Buffer): Entry {
  const typed = Buffer.byteLength(
    `{"kind":${JSON.stringify(resource.kind)},"apiVersion":${JSON.stringify(apiVersionOf(resource))},`,
  );
  const metadata = typed + '"metadata":{'.length;
  const wire = Buffer.concat([
    value.subarray(0, metadata),
    Buffer.from(`"resourceVersion":"${revision}"`),
    ...(value[metadata] === closeBrace[0] ? [] : [comma]),
    value.subarray(metadata),
  ]);
  let object: KubeObject | undefined;
  return {
    key,
    revision,
    wire,
    item: [openBrace, wire.subarray(typed)],
    get object() {
      object ??= JSON.parse(wire.toString('utf8')) as KubeObject;
      return object;
    },
  };
}

/** The same object under another revision: the last state of a removed object carries the removal's. */
export function atRevision(entry: Entry, revision: number): Entry {
  const before = `"resourceVersion":"${entry.revision}"`;
  const start = entry.wire.indexOf(before);
  const wire = Buffer.concat([
    entry.wire.subarray(0, start),
    Buffer.from(`"resourceVersion":"${revision}"`),
    entry.wire.subarray(start + before.length),
  ]);
  return {
    key: entry.key,
    revision,
    wire,
    item: [openBrace, wire.subarray(wire.indexOf('"metadata":{'))],
    get object() {
      const { metadata, ...rest } = entry.object;
      return { ...rest, metadata: { ...metadata, resourceVersion: String(revision) } };
    },
  };
}
