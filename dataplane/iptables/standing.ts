import type { Family } from '../../api/address.ts';
import { isOurs, type Standing, type StandingTable, standingHooks } from './diff.ts';
import { normalRule, normalRules } from './normal.ts';
import type { Saved } from './parse.ts';
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
  const { family, [name]: table } = wanted;
  const found = saved.get(name) ?? new Map<string, readonly string[]>();
  const chains = new Map<string, readonly string[]>();
  for (const [chain, rules] of found) {
    if (isOurs(chain, table)) chains.set(chain, inOurSpelling(rules, table.chains.get(chain) ?? [], family));
  }
  return { chains, hooks: standingHooks(found, table, family) };
}

/** `iptables-save` of this release prints the normal form; other writers and releases are read first. */
function inOurSpelling(
  rules: readonly string[],
  wanted: readonly string[],
  family: Family,
): readonly string[] {
  if (rules.length === 0 || wanted.length === 0) return rules;
  const ours = new Map(normalRules(wanted, family).map((normal, i) => [normal, wanted[i] as string]));
  return rules.map((rule) => ours.get(rule) ?? ours.get(normalRule(rule, family)) ?? rule);
}
