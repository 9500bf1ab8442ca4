import type { Found } from '../found.ts';
import type { Standing } from './diff.ts';
import { sameLines } from './edits.ts';
import { isServiceChain } from './names.ts';
import type { RuleSet, TableName } from './rules.ts';

/**
 * How what stands, in our spelling, differs from what is wanted, by the names of chains and of jumps into them.
 *
 * @param known chains too many that one has to live with.
 */
export function foundIn(standing: Standing, wanted: RuleSet, known: ReadonlySet<string> = new Set()): Found {
  const found = { missing: [] as string[], changed: [] as string[], foreign: [] as string[] };
  for (const table of ['mangle', 'filter', 'nat'] as const satisfies TableName[]) {
    const [have, want] = [standing[table], wanted[table]];
    for (const [chain, rules] of want.chains) {
      const stands = have.chains.get(chain);
      if (!stands) found.missing.push(`${table} chain ${chain}`);
      else if (!sameLines(stands, rules)) found.changed.push(`${table} chain ${chain}`);
    }
    for (const chain of have.chains.keys())
      if (!want.chains.has(chain) && isServiceChain(chain) && !known.has(chain))
        found.foreign.push(`${table} chain ${chain}`);
    for (const { chain, rule } of want.hooks)
      if (!have.hooks.some((one) => one.chain === chain && one.rule === rule))
        found.missing.push(`${table} jump from ${chain} to ${rule.slice(rule.lastIndexOf(' ') + 1)}`);
  }
  return found;
}
