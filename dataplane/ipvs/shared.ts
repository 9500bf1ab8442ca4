import type { Family } from '../../api/address.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import { ruleContext } from '../iptables/context.ts';
import { isServiceChain } from '../iptables/names.ts';
import type { Saved } from '../iptables/parse.ts';
import { buildRules, type RuleSet, type Table, type TableName } from '../iptables/rules.ts';
import type { NodeFacts } from '../node.ts';

/** What iptables mode has that IPVS mode has not: both use KUBE-SERVICES and some others. */
export function onlyIptables(ipvs: RuleSet, configuration: ProxyConfiguration): RuleSet {
  return without(iptablesRules(ipvs.family, configuration), ipvs);
}

/** What IPVS mode has that iptables mode has not. */
export function onlyIpvs(ipvs: RuleSet, configuration: ProxyConfiguration): RuleSet {
  return without(ipvs, iptablesRules(ipvs.family, configuration));
}

/** IPVS mode's rules, and iptables mode's jumps into chains of the same name: a chain that is led to cannot go. */
export function withHooksOfIptables(ipvs: RuleSet, configuration: ProxyConfiguration): RuleSet {
  const theirs = iptablesRules(ipvs.family, configuration);
  const table = (name: TableName): Table => {
    const { chains, hooks } = ipvs[name];
    const more = without(theirs, ipvs)[name].hooks.filter(({ rule }) =>
      chains.has(rule.slice(rule.lastIndexOf(' ') + 1)),
    );
    return { chains, hooks: [...hooks, ...more] };
  };
  return { family: ipvs.family, mangle: table('mangle'), filter: table('filter'), nat: table('nat') };
}

/** Chains of Services are none of IPVS mode's. */
export function withoutServiceChains(saved: Saved): Saved {
  return new Map(
    [...saved].map(([table, chains]) => [
      table,
      new Map([...chains].filter(([name]) => !isServiceChain(name))),
    ]),
  );
}

function iptablesRules(family: Family, configuration: ProxyConfiguration): RuleSet {
  return buildRules([], ruleContext(configuration, nobody, family));
}

function without(one: RuleSet, other: RuleSet): RuleSet {
  const table = (name: TableName): Table => ({
    chains: new Map([...one[name].chains].filter(([chain]) => !other[name].chains.has(chain))),
    hooks: one[name].hooks.filter(
      (hook) => !other[name].hooks.some(({ chain, rule }) => chain === hook.chain && rule === hook.rule),
    ),
  });
  return { family: one.family, mangle: table('mangle'), filter: table('filter'), nat: table('nat') };
}

export const nobody: NodeFacts = { name: '', labels: {}, ips: [], podCIDRs: [], localAddresses: [] };
