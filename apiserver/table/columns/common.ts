import type { KubeObject } from '../../../api/object.ts';
import type { Container, LabelSelector } from '../../../api/types.ts';
import type { Cell, Column } from '../../registry/strategy.ts';
import { since } from '../duration.ts';

/** A column that is always shown. */
export function column<T>(
  name: string,
  description: string,
  cell: (object: T, now: number) => Cell,
  type: Column<T>['type'] = 'string',
): Column<T> {
  return { name, type, description, priority: 0, cell };
}

/** A column of `-o wide`. */
export function wide<T>(
  name: string,
  description: string,
  cell: (object: T, now: number) => Cell,
): Column<T> {
  return { name, type: 'string', description, priority: 1, cell };
}

export const nameColumn: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
  cell: ({ metadata }) => metadata?.name ?? '',
};

export const ageColumn: Column<KubeObject> = column(
  'Age',
  'Time since the object was created.',
  ({ metadata }, now) => since(metadata?.creationTimestamp, now),
);

/** For kinds that have no columns of their own. */
export const defaultColumns: readonly Column<KubeObject>[] = [
  nameColumn,
  {
    name: 'Created At',
    type: 'date',
    description: 'When the object was created.',
    priority: 0,
    cell: ({ metadata }) => metadata?.creationTimestamp ?? '',
  },
];

/** `<none>` where there is nothing to show. */
export const orNone = (text: string | undefined): string => text || '<none>';

/** `a=b,c=d` in the order of the keys, `<none>` without any. */
export function formatLabels(labels: Record<string, string> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return orNone(pairs.sort().join(','));
}

/** `app=web,tier in (a,b),!old` in the order of the keys. Upstream: `labels.Selector.String`. */
export function formatSelector(selector: LabelSelector | undefined): string {
  const parts: [string, string][] = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => [
    key,
    `${key}=${value}`,
  ]);
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    const list = `(${values.toSorted().join(',')})`;
    const texts: Record<string, string> = {
      In: `${key} in ${list}`,
      NotIn: `${key} notin ${list}`,
      Exists: key,
      DoesNotExist: `!${key}`,
    };
    parts.push([key, texts[operator] ?? key]);
  }
  return parts
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, text]) => text)
    .join(',');
}

export const namesOf = (containers: readonly Container[] | undefined): string =>
  (containers ?? []).map(({ name }) => name).join(',');

export const imagesOf = (containers: readonly Container[] | undefined): string =>
  (containers ?? []).map(({ image = '' }) => image).join(',');

/** The first three, and how many more there are: `a,b,c + 2 more...`. */
export function firstThree(items: readonly string[]): string {
  const shown = items.slice(0, 3).join(',');
  return items.length > 3 ? `${shown} + ${items.length - 3} more...` : shown;
}
