import type { ProxyConfiguration } from '../configuration.ts';
import type { Hook, RuleSet, Table, TableName } from '../iptables/rules.ts';
import { articleDialect } from './article.ts';
import type { IpvsContext } from './context.ts';
import type { IpvsDialect } from './dialect.ts';
import { ipvsRules } from './rules.ts';
import { onlyIptables } from './shared.ts';
import { partOf, todaysSets } from './state.ts';

const today: IpvsDialect = { sets: todaysSets, part: partOf, rules: ipvsRules };

/** Of the release that the context emulates. */
export function dialectFor({ classic }: IpvsContext): IpvsDialect {
  return classic ? articleDialect : today;
}

/** The chains and jumps of IPVS mode in any release, for taking them out. */
export function rulesOfAnyRelease(context: IpvsContext): RuleSet {
  const [first, second] = [today, articleDialect].map((dialect) => dialect.rules(context, () => false, []));
  if (!first || !second) throw new Error('there are two releases');
  const { nat, ...rest } = united(first, second);
  return {
    ...rest,
    nat: { ...nat, chains: new Map([...nat.chains].filter(([chain]) => chain !== kubelets)) },
  };
}

/** What iptables mode, and IPVS mode of another release, have that these rules have not. */
export function notOfThese(rules: RuleSet, context: IpvsContext, configuration: ProxyConfiguration): RuleSet {
  const others = rulesOfAnyRelease(context);
  const table = (name: TableName): Table => ({
    chains: new Map([...others[name].chains].filter(([chain]) => !rules[name].chains.has(chain))),
    hooks: others[name].hooks.filter((hook) => !rules[name].hooks.some(same(hook))),
  });
  const rest = { family: rules.family, mangle: table('mangle'), filter: table('filter'), nat: table('nat') };
  return united(onlyIptables(rules, configuration), rest);
}

/** The kubelet wrote it, and may still; it does nothing by itself. */
const kubelets = 'KUBE-MARK-DROP';

function united(one: RuleSet, other: RuleSet): RuleSet {
  const table = (name: TableName): Table => ({
    chains: new Map([...other[name].chains, ...one[name].chains]),
    hooks: [...one[name].hooks, ...other[name].hooks.filter((hook) => !one[name].hooks.some(same(hook)))],
  });
  return { family: one.family, mangle: table('mangle'), filter: table('filter'), nat: table('nat') };
}

const same = (one: Hook) => (other: Hook) => one.chain === other.chain && one.rule === other.rule;
