import type { Report } from '../report.ts';
import type { Answers } from './answers.ts';
import type { Web } from './dataplanes.ts';
import type { Mark } from './load.ts';
import { objectsOf, type Setting } from './rules.ts';

/** What one change came to. */
export interface Change {
  /** For all nodes, one after the other. */
  readonly milliseconds: number;
  /** Requests of all clients that failed meanwhile. */
  readonly failed: number;
}

/** Notes a mode for the table: what it has in the kernel, and how it answers. */
export function noteMode(
  report: Report,
  { name }: Setting,
  web: Web,
  shown: string,
  { counts, seen }: Answers,
): void {
  const [pod = '', node = '', outside = ''] = seen;
  report.row(name, {
    ...Object.fromEntries(Object.entries(objectsOf(name, shown, web)).map(([what, n]) => [what, String(n)])),
    [answered]: counts.join(' '),
    'sees a pod as': pod,
    'sees a node as': node,
    'sees outside as': outside,
  });
}

/** Notes how the cluster got to a mode. */
export function noteChange(report: Report, { name }: Setting, { milliseconds, failed }: Change): void {
  report.row(name, {
    [took]: `${(milliseconds / 1_000).toFixed(2)} s`,
    'requests failed': String(failed),
  });
}

/** Requests that failed between two marks of every client. */
export const failedBetween = (before: readonly Mark[], after: readonly Mark[]): number =>
  after.reduce((sum, { failed }, index) => sum + failed - (before[index]?.failed ?? 0), 0);

const answered = 'answers of each pod';
const took = 'change to it took';

const order = [
  ...['rules', 'chains', 'map elements', 'virtual servers', 'real servers', answered],
  ...['sees a pod as', 'sees a node as', 'sees outside as', took, 'requests failed'],
];

/** All modes side by side; `-` where a mode has none of it. */
export function sideBySide(report: Report): string {
  const modes = [...report.rows];
  const lines = order
    .filter((what) => modes.some(([, cells]) => cells[what] !== undefined))
    .map((what) => [what, ...modes.map(([, cells]) => cells[what] ?? '-')]);
  const table = [['', ...modes.map(([name]) => name.replace(/.*layout /, 'nft '))], ...lines];
  return table
    .map(([what = '', ...cells]) => what.padEnd(20) + cells.map((cell) => cell.padStart(13)).join(''))
    .join('\n');
}
