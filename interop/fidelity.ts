import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PartResult } from './part.ts';

const results = fileURLToPath(new URL('results/', import.meta.url));
const page = fileURLToPath(new URL('../docs/fidelity.md', import.meta.url));

/** Keeps a run's result under a name; the one before is replaced. */
export function keepResult(name: string, result: PartResult): void {
  mkdirSync(results, { recursive: true });
  writeFileSync(
    join(results, `${name.replaceAll(/[^\w.=]+/g, '-')}.json`),
    `${JSON.stringify(result, null, 2)}\n`,
  );
}

/** Writes docs/fidelity.md from all results that are kept. */
export function writeFidelity(): void {
  const kept = readdirSync(results)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({
      name: file.replace(/\.json$/, ''),
      result: JSON.parse(readFileSync(join(results, file), 'utf8')) as PartResult,
    }));
  writeFileSync(page, fidelity(kept));
}

/** The page: a table of totals, then for each run what did not pass and what differs on purpose, by name. */
export function fidelity(kept: readonly { name: string; result: PartResult }[]): string {
  const rows = kept.map(({ name, result }) => {
    const cells = [`[${name}](#${name})`, result.component, ...totals(result), result.ended.slice(0, 10)];
    return `| ${cells.map(cell).join(' | ')} |`;
  });
  return [
    '# Fidelity',
    'Upstream’s own programs judge this Kubernetes: `npm run test:interop` runs them and writes this page ' +
      '(see [interop](../interop/README.md)). Each run stands here with its command, its totals, and by name and ' +
      'reason everything that did not pass.',
    ['| run | judge | passed | failed | skipped | on |', '|---|---|---|---|---|---|', ...rows].join('\n'),
    ...kept.map(({ name, result }) => section(name, result)),
    '',
  ].join('\n\n');
}

function totals({ cases }: PartResult): string[] {
  return ['passed', 'failed', 'skipped'].map((outcome) =>
    String(cases.filter((one) => one.outcome === outcome).length),
  );
}

function section(name: string, { component, ran, cases, deviations, ended, seconds }: PartResult): string {
  const known = new Map(deviations.map(({ what, reason }) => [what, reason]));
  const rest = cases.filter(({ outcome }) => outcome !== 'passed');
  const names = new Set(cases.map((one) => one.name));
  const differing = deviations.filter(({ what }) => !names.has(what));
  return [
    `## ${name}`,
    `${component}, ${ended.replace(/\.\d+/, '')}, ${seconds} s:`,
    ['```', ran, '```'].join('\n'),
    ...list(
      'Did not pass:',
      rest.map(({ name: what, outcome, reason }) => ({
        what: `${what} (${outcome})`,
        reason: known.get(what) ?? reason ?? 'no reason was told',
      })),
    ),
    ...list('Differs on purpose:', differing),
  ].join('\n\n');
}

function list(title: string, items: readonly { what: string; reason: string }[]): string[] {
  if (items.length === 0) return [];
  return [title, items.map(({ what, reason }) => `- ${oneLine(what)}: ${oneLine(reason)}`).join('\n')];
}

const oneLine = (text: string) => text.trim().replaceAll(/\s+/g, ' ').replaceAll('<', '&lt;');
const cell = (text: string) => oneLine(text).replaceAll('|', '\\|');
