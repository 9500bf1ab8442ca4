import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import { statusError } from '../../api/status.ts';
import type { Strategy } from '../registry/strategy.ts';
import type { Change, EventType } from '../storage/change.ts';
import { encodeFrame } from '../storage/change.ts';
import type { Entry } from '../storage/entry.ts';
import type { IncludeObject, Table, TableOptions } from '../table/table.ts';
import type { Form } from './negotiate.ts';

export interface ListMeta {
  resourceVersion?: string;
  continue?: string;
  remainingItemCount?: number;
}

/** Turns entries into bodies of one form; plain objects go out as the cache encoded them. */
export interface Renderer {
  object(entry: Entry): Buffer;
  list(entries: readonly Entry[], metadata: ListMeta): Buffer;
  /** A line of a watch stream. */
  event(type: EventType, change: Change): Buffer;
  added(entry: Entry): Buffer;
  bookmark(resourceVersion: number, annotations?: Record<string, string>): Buffer;
}

const comma = Buffer.from(',');
const listEnd = Buffer.from(']}');
const frameEnd = Buffer.from('}\n');

/** @param as the resource under another group version, which is then what clients read */
export async function createRenderer(
  resource: Resource,
  form: Form,
  strategy: Strategy | undefined,
  includeObject: string | null,
  as?: Resource,
): Promise<Renderer> {
  if (form === 'Table') return renderTables(resource, strategy, parseInclude(includeObject));
  if (form === 'PartialObjectMetadata') return renderMetadata(resource);
  return as ? renderObjectsAs(as) : renderObjects(resource);
}

function renderObjects(resource: Resource): Renderer {
  return {
    object: ({ wire }) => wire,
    list(entries, metadata) {
      const head = JSON.stringify({
        kind: `${resource.kind}List`,
        apiVersion: apiVersionOf(resource),
        metadata,
      });
      const parts: Buffer[] = [Buffer.from(`${head.slice(0, -1)},"items":[`)];
      for (const [index, { item }] of entries.entries()) {
        if (index > 0) parts.push(comma);
        parts.push(...item);
      }
      parts.push(listEnd);
      return Buffer.concat(parts);
    },
    event: (type, change) => change.frame(type),
    added: (entry) => encodeFrame('ADDED', entry),
    bookmark: (resourceVersion, annotations) =>
      line('BOOKMARK', bookmarkObject(resource.kind, apiVersionOf(resource), resourceVersion, annotations)),
  };
}

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
      entries.map(({ object }) => object),
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
