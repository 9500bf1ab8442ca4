import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import { statusError } from '../../api/status.ts';
import type { Status } from '../../api/types.ts';
import type { CustomRules, Strategy } from '../registry/strategy.ts';
import type { Change, EventType } from '../storage/change.ts';
import { frameOf } from '../storage/change.ts';
import type { Entry } from '../storage/entry.ts';
import type { IncludeObject, Table, TableOptions } from '../table/table.ts';
import type { Accepted } from './negotiate.ts';
import type { Pieces } from './respond.ts';

export interface ListMeta {
  resourceVersion?: string;
  continue?: string;
  remainingItemCount?: number;
}

/** Turns entries into bodies of one form; plain objects go out as the cache encoded them. */
export interface Renderer {
  /** Absent: JSON. */
  mediaType?: string;
  object(entry: Entry): Buffer;
  /** Does what takes long for many, others being served in between; they need not be prepared. */
  prepare?(entries: readonly Entry[]): Promise<void>;
  list(entries: readonly Entry[], metadata: ListMeta): Buffer | Pieces;
  /** A line of a watch stream. */
  event(type: EventType, change: Change): Buffer;
  added(entry: Entry): Buffer;
  bookmark(resourceVersion: number, annotations?: Record<string, string>): Buffer;
  /** The last of a watch stream that cannot go on. */
  failure(status: Status): Buffer;
}

const comma = Buffer.from(',');
const listEnd = Buffer.from(']}');
const frameEnd = Buffer.from('}\n');

/** @param as the resource under another group version, which is then what clients read */
export async function createRenderer(
  resource: Resource,
  { form, protobuf = false }: Pick<Accepted, 'form'> & Partial<Accepted>,
  strategy: Strategy | undefined,
  includeObject: string | null,
  as?: Resource,
): Promise<Renderer> {
  const rules = as && (await rulesOf(as));
  if (protobuf) {
    const { createProtobufRenderer } = await import('./render-protobuf.ts');
    const renderer = createProtobufRenderer(
      as ?? resource,
      form,
      form === 'Object' ? rules?.present : undefined,
    );
    if (renderer) return renderer;
  }
  if (form === 'Table') return renderTables(resource, strategy, parseInclude(includeObject));
  if (form === 'PartialObjectMetadata') return renderMetadata(resource);
  if (as && rules) return renderCustom(as, rules);
  if (strategy?.custom) return renderCustom(resource, strategy.custom);
  return as ? renderObjectsAs(as) : renderObjects(resource);
}

/** Of a group version with other fields than the stored one. */
export async function rulesOf(as: Resource): Promise<CustomRules | undefined> {
  if (!as.converted) return undefined;
  return (await import('../registry/kinds/versions.ts')).versionRules(as);
}

function renderObjects(resource: Resource): Renderer {
  return {
    object: ({ wire }) => wire,
    list: (entries, metadata) => listOf(resource, entries, metadata),
    event: (type, change) => change.frame(type),
    added: (entry) => frameOf('ADDED', entry),
    bookmark: (resourceVersion, annotations) =>
      line('BOOKMARK', bookmarkObject(resource.kind, apiVersionOf(resource), resourceVersion, annotations)),
    failure,
  };
}

const failure = (status: Status) => line('ERROR', status);

type Item = Pick<Entry, 'item'>;

function listOf(resource: Resource, items: readonly Item[], metadata: ListMeta): Buffer | Pieces {
  const kind = resource.listKind ?? `${resource.kind}List`;
  const text = JSON.stringify({ kind, apiVersion: apiVersionOf(resource), metadata });
  const head = Buffer.from(`${text.slice(0, -1)},"items":[`);
  const kept = bodies.get(items);
  if (kept) return Buffer.concat([head, kept]);
  let length = head.length + listEnd.length + Math.max(0, items.length - 1);
  for (const { item } of items) for (const part of item) length += part.length;
  if (length > largestKept) return { length, pieces: piecesOf(head, items) };
  const [, ...rest] = piecesOf(head, items);
  const body = Buffer.concat(rest);
  // From the second time that the same is asked for.
  bodies.set(items, kept === null ? body : null);
  return Buffer.concat([head, body]);
}

function* piecesOf(head: Buffer, items: readonly Item[]): Generator<Buffer> {
  yield head;
  for (const [index, { item }] of items.entries()) {
    if (index > 0) yield comma;
    yield* item;
  }
  yield listEnd;
}

/** What a list has after its metadata, by what the collection gives as long as nothing changes; null: asked for once. */
const bodies = new WeakMap<readonly object[], Buffer | null>();
/** Bytes of a body that is kept, and sent in one piece. */
const largestKept = 4 * 1024 * 1024;

/** Objects of another group version than they are stored in: their first two fields are written anew. */
function renderObjectsAs(as: Resource): Renderer {
  const head = Buffer.from(
    `${JSON.stringify({ kind: as.kind, apiVersion: apiVersionOf(as) }).slice(0, -1)},`,
  );
  const convert = ({ item: [, fields = Buffer.alloc(0)] }: Entry) => Buffer.concat([head, fields]);
  const frame = (type: EventType, entry: Entry) =>
    Buffer.concat([Buffer.from(`{"type":"${type}","object":`), convert(entry), frameEnd]);
  return {
    ...renderObjects(as),
    object: convert,
    event: (type, change) => frame(type, change.entry(type)),
    added: (entry) => frame('ADDED', entry),
  };
}

/** By the rules of a version of a custom kind, once for all readers. Items of its lists carry their type, as upstream's do. */
function renderCustom(resource: Resource, rules: CustomRules): Renderer {
  const known = shown.get(rules) ?? new WeakMap<Entry, Buffer>();
  shown.set(rules, known);
  const body = (entry: Entry): Buffer => {
    const found = known.get(entry) ?? json(rules.present(entry.object));
    known.set(entry, found);
    return found;
  };
  const frame = (type: EventType, entry: Entry) =>
    Buffer.concat([Buffer.from(`{"type":"${type}","object":`), body(entry), frameEnd]);
  return {
    ...renderObjects(resource),
    object: body,
    list: (entries, metadata) =>
      listOf(
        resource,
        entries.map((entry) => ({ item: [body(entry)] })),
        metadata,
      ),
    event: (type, change) => frame(type, change.entry(type)),
    added: (entry) => frame('ADDED', entry),
  };
}

const shown = new WeakMap<CustomRules, WeakMap<Entry, Buffer>>();

function renderMetadata(resource: Resource): Renderer {
  const kind = 'PartialObjectMetadata';
  const apiVersion = 'meta.k8s.io/v1';
  const partial = ({ object }: Entry) => ({ kind, apiVersion, metadata: object.metadata });
  return {
    object: (entry) => json(partial(entry)),
    list: (entries, metadata) =>
      json({ kind: `${kind}List`, apiVersion, metadata, items: entries.map(partial) }),
    event: (type, change) => line(type, partial(change.entry(type))),
    added: (entry) => line('ADDED', partial(entry)),
    bookmark: (resourceVersion, annotations) =>
      line('BOOKMARK', bookmarkObject(resource.kind, apiVersion, resourceVersion, annotations, kind)),
    failure,
  };
}

async function renderTables(
  resource: Resource,
  strategy: Strategy | undefined,
  includeObject: IncludeObject | undefined,
): Promise<Renderer> {
  const { toTable } = await import('../table/table.ts');
  let first = true;
  const table = (entries: readonly Entry[], more: Partial<TableOptions>): Table =>
    toTable(
      strategy?.columns,
      entries.map(({ object }) => strategy?.custom?.present(object) ?? object),
      { now: Date.now(), ...(includeObject ? { includeObject } : {}), ...more },
    );
  /** Only the first event of a stream names the columns. */
  const eventTable = (entry: Entry): Table => {
    const columnDefinitions = first;
    first = false;
    return table([entry], { columnDefinitions, metadata: { resourceVersion: String(entry.revision) } });
  };
  return {
    object: (entry) => json(table([entry], { metadata: { resourceVersion: String(entry.revision) } })),
    list: (entries, metadata) => json(table(entries, { metadata })),
    event: (type, change) => line(type, eventTable(change.entry(type))),
    added: (entry) => line('ADDED', eventTable(entry)),
    bookmark(resourceVersion, annotations) {
      const object = bookmarkObject(resource.kind, apiVersionOf(resource), resourceVersion, annotations);
      return line('BOOKMARK', {
        kind: 'Table',
        apiVersion: 'meta.k8s.io/v1',
        metadata: { resourceVersion: String(resourceVersion) },
        columnDefinitions: [],
        rows: [{ cells: [], object }],
      });
    },
    failure,
  };
}

function bookmarkObject(
  kind: string,
  apiVersion: string,
  resourceVersion: number,
  annotations: Record<string, string> | undefined,
  as = kind,
): KubeObject {
  return {
    kind: as,
    apiVersion,
    metadata: { resourceVersion: String(resourceVersion), ...(annotations ? { annotations } : {}) },
  };
}

function parseInclude(text: string | null): IncludeObject | undefined {
  if (text === null || text === '') return undefined;
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  throw statusError(
    'BadRequest',
    `unrecognized includeObject value: ${JSON.stringify(text)}; use None, Metadata or Object`,
  );
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function line(type: string, object: unknown): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}
