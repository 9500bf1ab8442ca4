import type { RuleContext } from './context.ts';
import { allDialects } from './dialect.ts';
import { removal, smallCommit } from './diff.ts';
import { isServiceChain } from './names.ts';
import { normalRule } from './normal.ts';
import type { Saved } from './parse.ts';
import type { Hook, RuleSet, SharedLines, Table, TableName } from './rules.ts';

/**
 * The batch that takes out what another release than the wanted one has left: jumps and shared chains that
 * this one does not know. Chains of Services are not its business, and a chain that somebody else leads to
 * stays. Empty when there is nothing.
 */
export function removalOfOtherReleases(saved: Saved, wanted: RuleSet, context: RuleContext): string {
  const shared: Saved = new Map([...saved].map(([name, chains]) => [name, withoutServices(chains)]));
  const releases = allDialects.map((dialect) => dialect.overallTables(nothing, context));
  const table = (name: TableName): Table => {
    const found = shared.get(name) ?? new Map<string, readonly string[]>();
    const hooks = releases.flatMap((release) => release[name].hooks).filter(isOther(wanted[name].hooks));
    const names = releases.flatMap((release) => [...release[name].chains.keys()]);
    const stale = new Set(names.filter((chain) => !wanted[name].chains.has(chain) && chain !== kubelets));
    const known = new Set(hooks.map(({ chain, rule }) => `${chain} ${normalRule(rule, wanted.family)}`));
    for (const [chain, rules] of found)
      for (const rule of rules)
        if (!stale.has(chain) && !known.has(`${chain} ${normalRule(rule, wanted.family)}`))
          stale.delete(/-[jg] (\S+)/.exec(rule)?.[1] ?? '');
    return { hooks: unique(hooks), chains: new Map([...stale].map((chain) => [chain, []])) };
  };
  return removal(
    shared,
    { family: wanted.family, mangle: table('mangle'), filter: table('filter'), nat: table('nat') },
    smallCommit,
  );
}

/** The kubelet wrote it, and may still; it does nothing by itself. */
const kubelets = 'KUBE-MARK-DROP';

const nothing: SharedLines = {
  natServices: [],
  natNodePorts: [],
  services: [],
  external: [],
  nodePorts: [],
  firewall: [],
};

const withoutServices = (chains: ReadonlyMap<string, readonly string[]>) =>
  new Map([...chains].filter(([chain]) => !isServiceChain(chain)));

const isOther = (hooks: readonly Hook[]) => (one: Hook) =>
  !hooks.some(({ chain, rule }) => chain === one.chain && rule === one.rule);

const unique = (hooks: readonly Hook[]): Hook[] => [
  ...new Map(hooks.map((hook) => [`${hook.chain} ${hook.rule}`, hook])).values(),
];
