import { describe, expect, it } from 'vitest';
import type { ManagedFieldsEntry } from '../../api/types.ts';
import { capUpdaters, decodeManaged, encodeManaged } from './managers.ts';

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;

function entry(manager: string, second: number, more: Partial<ManagedFieldsEntry> = {}): ManagedFieldsEntry {
  return {
    ...{ manager, operation: 'Update', apiVersion: 'v1', time: at(second), fieldsType: 'FieldsV1' },
    fieldsV1: { [`f:${manager}`]: {} },
    ...more,
  };
}

const updaters = (count: number, more: Partial<ManagedFieldsEntry> = {}) =>
  Array.from({ length: count }, (_, index) => entry(`m${String(index).padStart(2, '0')}`, index, more));

const said = (entries: readonly ManagedFieldsEntry[] | undefined) =>
  (entries ?? []).map(({ manager, apiVersion, fieldsV1 }) => {
    const fields = Object.keys(fieldsV1 as object).map((element) => element.slice(2));
    return `${manager} ${apiVersion}: ${fields.join()}`;
  });

/** Upstream: apimachinery `internal/capmanagers_test.go`. */
describe('managers that update', () => {
  const capped = (entries: ManagedFieldsEntry[]) =>
    said(encodeManaged(capUpdaters(decodeManaged(entries, true))));

  it('are ten at most: the oldest become one', () => {
    expect(capped(updaters(10))).toEqual(said(updaters(10)));
    const [first, ...others] = capped(updaters(13));
    expect(first).toBe('ancient-changes v1: m00,m01,m02,m03');
    expect(others).toEqual(said(updaters(13).slice(4)));
  });

  it('are joined by version, and those that apply do not count', () => {
    const mixed = [
      ...updaters(8),
      ...updaters(5, { apiVersion: 'v2' }),
      entry('ann', 0, { operation: 'Apply' }),
    ];
    const left = capped(mixed);
    expect(left[0]).toBe('ann v1: ann');
    expect(left).toHaveLength(11);
    expect(left.filter((one) => one.startsWith('ancient-changes'))).toEqual([
      'ancient-changes v2: m00,m01',
      'ancient-changes v1: m00,m01,m02',
    ]);
  });

  it('join what was joined before', () => {
    const once = encodeManaged(capUpdaters(decodeManaged(updaters(11), true))) ?? [];
    expect(capped([...once, entry('new', 20)])[0]).toBe('ancient-changes v1: m00,m01,m02');
  });
});

/** Upstream: apimachinery `internal/managedfields_test.go`. */
describe('entries', () => {
  it('stand by operation, time, name, version and subresource', () => {
    const entries = [
      entry('b', 1),
      entry('c', 0),
      entry('a', 1, { subresource: 'status' }),
      entry('a', 1, { apiVersion: 'v2' }),
      entry('a', 1),
      entry('z', 9, { operation: 'Apply' }),
    ];
    const sorted = encodeManaged(decodeManaged(entries, true)) ?? [];
    expect(
      sorted.map(({ manager, time, apiVersion, subresource }) =>
        [manager, time?.slice(-3), apiVersion, subresource].join(' ').trim(),
      ),
    ).toEqual(['z 09Z v1', 'c 00Z v1', 'a 01Z v1', 'a 01Z v1 status', 'a 01Z v2', 'b 01Z v1']);
  });

  it.each<[Partial<ManagedFieldsEntry>, string]>([
    [{ operation: '' }, 'operation must be `Apply` or `Update`'],
    [{ operation: 'RandomOperation' }, 'operation must be `Apply` or `Update`'],
    [{ apiVersion: '' }, 'apiVersion must not be empty'],
    [{ fieldsType: '' }, 'missing fieldsType in managed fields entry 0'],
    [{ fieldsType: 'FieldsV2' }, 'invalid fieldsType "FieldsV2" in managed fields entry 0'],
  ])('%j cannot be read', (wrong, message) => {
    expect(() => decodeManaged([entry('a', 1, wrong)], false)).toThrow(message);
  });
});
