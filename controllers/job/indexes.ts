import type { Pod } from '../../api/types.ts';

export const indexKey = 'batch.kubernetes.io/job-completion-index';
export const indexFailureKey = 'batch.kubernetes.io/job-index-failure-count';

/** `1,3-5` as the numbers it stands for. Upstream: `parseIndexesFromString` in `pkg/controller/job/indexed_job_utils.go`. */
export function parseIndexes(text: string | undefined): Set<number> {
  const indexes = new Set<number>();
  for (const part of (text ?? '').split(',').filter(Boolean)) {
    const [first = 0, last = first] = part.split('-').map(Number);
    for (let index = first; index <= last; index++) indexes.add(index);
  }
  return indexes;
}

/** The inverse; three in a row and more become a range, two as well. */
export function formatIndexes(indexes: Iterable<number>): string {
  const ranges: [number, number][] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && index <= last[1] + 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges
    .map(([from, to]) => (from === to ? `${from}` : to === from + 1 ? `${from},${to}` : `${from}-${to}`))
    .join();
}

/** The completion index of a pod, or -1. */
export function indexOf({ metadata }: Pod): number {
  const text = metadata?.annotations?.[indexKey] ?? '';
  return /^\d+$/.test(text) ? Number(text) : -1;
}

/** How often pods of its index had failed before this one. */
export function failuresBefore({ metadata }: Pod): number {
  const text = metadata?.annotations?.[indexFailureKey] ?? '';
  return /^\d+$/.test(text) ? Number(text) : 0;
}
