import type { KubeObject } from '../../api/object.ts';
import type { Cell, Column } from '../registry/strategy.ts';

/** The query parameter `includeObject`. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  /** Default `Metadata`. */
  includeObject?: IncludeObject;
  /** Of the list, or of the one object. */
  metadata?: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  /** Milliseconds since the epoch. */
  now: number;
  /** Watch events after the first carry no column definitions. Default true. */
  columnDefinitions?: boolean;
}

export interface Table {
  kind: 'Table';
  apiVersion: 'meta.k8s.io/v1';
  metadata: Record<string, unknown>;
  columnDefinitions: { name: string; type: string; format: string; description: string; priority: number }[];
  rows: { cells: Cell[]; object: unknown }[];
}

/** Renders objects as a Table; stub. `columns` undefined: Name and Created At, as upstream's default. */
export function toTable<T extends KubeObject>(
  _columns: readonly Column<T>[] | undefined,
  _objects: Iterable<T>,
  _options: TableOptions,
): Table {
  return { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: {}, columnDefinitions: [], rows: [] };
}
