import type { KubeObject } from '../../api/object.ts';
import type { Cell, Column } from '../registry/strategy.ts';
import { defaultColumns } from './columns/common.ts';

/** The query parameter `includeObject`. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  /** What stands in `object` of each row. Default `Metadata`. */
  includeObject?: IncludeObject;
  /** Of the list, or of the one object. */
  metadata?: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  /** Milliseconds since the epoch, for ages. */
  now: number;
  /** Watch events after the first carry no column definitions. Default true. */
  columnDefinitions?: boolean;
}

/** `meta.k8s.io/v1` Table. */
export interface Table {
  kind: 'Table';
  apiVersion: 'meta.k8s.io/v1';
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  columnDefinitions: { name: string; type: string; format: string; description: string; priority: number }[];
  rows: { cells: Cell[]; object: unknown }[];
}

/**
 * Renders objects as a Table, the form `kubectl get` asks for. All columns are there; the client drops
 * those with a priority. `columns` undefined: Name and Created At, as upstream does for kinds without any.
 */
export function toTable<T extends KubeObject>(
  columns: readonly Column<T>[] | undefined,
  objects: Iterable<T>,
  { includeObject = 'Metadata', metadata = {}, now, columnDefinitions = true }: TableOptions,
): Table {
  const shown = columns ?? defaultColumns;
  const rows: Table['rows'] = [];
  for (const object of objects) {
    rows.push({
      cells: shown.map((column) => column.cell(object, now)),
      object: shell(object, includeObject),
    });
  }
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columnDefinitions
      ? shown.map(({ name, type, format = '', description = '', priority }) => ({
          name,
          type,
          format,
          description,
          priority,
        }))
      : [],
    rows,
  };
}

function shell(object: KubeObject, include: IncludeObject): unknown {
  if (include === 'Object') return object;
  if (include === 'None') return null;
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata ?? {} };
}
