import { expect, test } from 'vitest';
import type { Service } from '../../api/types.ts';
import { serviceColumns } from './columns/services.ts';
import { toTable } from './table.ts';

const now = Date.parse('2025-01-01T00:00:00Z');
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString();

test('a Table has definitions of all columns, rows carry metadata', () => {
  const service: Service = {
    metadata: { name: 'a', creationTimestamp: ago(5) },
    spec: { type: 'ClusterIP' },
  };
  const table = toTable(serviceColumns, [service], { now, metadata: { resourceVersion: '7' } });
  expect(table).toMatchObject({
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: '7' },
  });
  expect(table.columnDefinitions[0]).toMatchObject({
    name: 'Name',
    type: 'string',
    format: 'name',
    priority: 0,
  });
  expect(table.columnDefinitions.filter(({ priority }) => priority === 1).map(({ name }) => name)).toEqual([
    'Selector',
  ]);
  expect(table.rows[0]?.object).toEqual({
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: service.metadata,
  });
  expect(toTable(serviceColumns, [service], { now, includeObject: 'Object' }).rows[0]?.object).toBe(service);
  expect(toTable(serviceColumns, [service], { now, includeObject: 'None' }).rows[0]?.object).toBeNull();
  expect(toTable(serviceColumns, [], { now, columnDefinitions: false }).columnDefinitions).toEqual([]);
  expect(toTable(undefined, [service], { now }).rows[0]?.cells).toEqual(['a', ago(5)]);
});
