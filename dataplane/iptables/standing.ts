import { isOurs, type Standing, type StandingTable } from './diff.ts';
import { canonicalRule, type Saved } from './parse.ts';
import type { RuleSet, TableName } from './rules.ts';

/**
 * What of ours stands in the kernel, in our own spelling where the kernel's rule means the same as a
 * wanted one. So a rule set that is already right differs in nothing, whoever wrote it.
 */
export function standingOf(saved: Saved, wanted: RuleSet): Standing {
  return {
    mangle: tableOf('mangle', saved, wanted),
    filter: tableOf('filter', saved, wanted),
    nat: tableOf('nat', saved, wanted),
  };
}

function tableOf(name: TableName, saved: Saved, wanted: RuleSet): StandingTable {
  const table = wanted[name];
  const found = saved.get(name) ?? new Map<string, readonly string[]>();
  const chains = new Map<string, readonly string[]>();
  for (const [chain, rules] of found) {
    if (isOurs(chain, table)) chains.set(chain, inOurSpelling(rules, table.chains.get(chain) ?? []));
  }
  const hooks = table.hooks.filter(({ chain, rule }) => {
    const key = canonicalRule(rule);
    return found.get(chain)?.some((one) => canonicalRule(one) === key) ?? false;
  });
  return { chains, hooks };
}

function inOurSpelling(rules: readonly string[], wanted: readonly string[]): readonly string[] {
  if (rules.length === 0 || wanted.length === 0) return rules;
  const ours = new Map(wanted.map((rule) => [canonicalRule(rule), rule]));
  return rules.map((rule) => ours.get(canonicalRule(rule)) ?? rule);
}
