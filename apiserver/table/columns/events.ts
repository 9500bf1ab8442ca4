import type { CoreEvent } from '../../../api/types.ts';
import type { Column } from '../../registry/strategy.ts';
import { since } from '../duration.ts';
import { column, nameColumn, wide } from './common.ts';

/** Columns of Events. Upstream: `printEvent` in `pkg/printers/internalversion/printers.go`. */
export const eventColumns: readonly Column<CoreEvent>[] = [
  column('Last Seen', 'When it happened last.', lastSeen),
  column('Type', 'Normal or Warning.', ({ type }) => type ?? ''),
  column('Reason', 'Why, in one word.', ({ reason }) => reason ?? ''),
  column('Object', 'What it is about.', ({ involvedObject: { kind = '', name } }) =>
    name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase(),
  ),
  wide(
    'Subobject',
    'The part of the object it is about.',
    ({ involvedObject }) => involvedObject.fieldPath ?? '',
  ),
  wide('Source', 'Who reported it.', formatSource),
  column('Message', 'What happened.', ({ message }) => (message ?? '').trim()),
  wide('First Seen', 'When it happened first.', firstSeen),
  wide('Count', 'How often it happened.', ({ series, count }) =>
    series ? (series.count ?? 0) + 1 : count || 1,
  ),
  { ...nameColumn, priority: 1 },
];

function firstSeen({ firstTimestamp, eventTime }: CoreEvent, now: number): string {
  return since(firstTimestamp ?? eventTime, now);
}

function lastSeen(event: CoreEvent, now: number): string {
  const { series, lastTimestamp } = event;
  if (series) return since(series.lastObservedTime, now);
  return lastTimestamp ? since(lastTimestamp, now) : firstSeen(event, now);
}

function formatSource({ source, reportingComponent, reportingInstance }: CoreEvent): string {
  const parts = [source?.component || reportingComponent, source?.host || reportingInstance];
  return parts.filter(Boolean).join(', ');
}
