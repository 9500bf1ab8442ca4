import { expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import { frameOf } from './change.ts';
import { atRevision, createEntry, encodeValue } from './entry.ts';

const metadata = {
  name: 'large',
  annotations: { tricky: '}{"\\"}', '{"': 'é}\\', 'ends in a backslash': '\\' },
  labels: { a: 'b' },
};
const value = (size: number) =>
  encodeValue(resources.configmaps, { metadata, data: { a: 'x'.repeat(size) } } as object);
const entryOf = (size: number) =>
  createEntry(resources.configmaps, '/registry/configmaps/default/large', 7, value(size));

it.each([10, 10_000])('tells the metadata of an object with %i bytes of data', (size) => {
  const entry = entryOf(size);
  expect(entry.metadata).toEqual({ resourceVersion: '7', ...metadata });
  expect(entry.metadata).toEqual(entry.object.metadata);
  entry.release();
  expect(entry.metadata).toEqual(entry.object.metadata);
  const gone = atRevision(entry, 9);
  expect(gone.metadata).toEqual({ ...metadata, resourceVersion: '9' });
  expect(gone.object.metadata).toEqual(gone.metadata);
});

it('has the line of a watch that tells of it, and others', () => {
  const entry = entryOf(10);
  for (const type of ['ADDED', 'MODIFIED', 'DELETED'] as const) {
    const line = String(frameOf(type, entry));
    expect(line.endsWith('}\n')).toBe(true);
    expect(JSON.parse(line)).toEqual({ type, object: entry.object });
  }
  expect(JSON.parse(String(entry.wire))).toEqual(entry.object);
});
