import type { KubeObject } from '../../api/object.ts';
import { normalRule } from '../../dataplane/iptables/normal.ts';
import { parseSaved } from '../../dataplane/iptables/parse.ts';
import { type Eyes, type RuleTexts, seenRules } from './compare.ts';

/**
 * The chains of endpoints (KUBE-SEP-) and of Services (KUBE-SVC-) of genuine rules against ours for the same objects,
 * by name and word for word but for comments: they have been the same since 1.20, except that ours begin with the
 * masquerading of a clusterIP, which 1.20 has in KUBE-SERVICES. Resolves to how many chains there were, and to what differs.
 */
export async function compareChains(
  genuine: RuleTexts,
  objects: readonly KubeObject[],
  eyes: Eyes,
): Promise<{ chains: number; wrong: string[] }> {
  const ours = await seenRules(objects, eyes);
  let chains = 0;
  const wrong: string[] = [];
  for (const family of ['IPv4', 'IPv6'] as const) {
    const lines = (text: string) => {
      const nat = parseSaved(text).get('nat') ?? new Map<string, readonly string[]>();
      const own = [...nat].filter(([name]) => /^KUBE-(SEP|SVC)-/.test(name));
      return new Map(
        own.map(([name, rules]) => [name, rules.map((rule) => plain(rule, family)).filter(isKept)]),
      );
    };
    const [theirs, wanted] = [lines(genuine[family]), lines(ours[family])];
    for (const name of new Set([...theirs.keys(), ...wanted.keys()])) {
      chains++;
      const [their, our] = [theirs.get(name)?.join('\n'), wanted.get(name)?.join('\n')];
      if (their !== our) wrong.push(`${family} ${name}: genuine\n${their ?? 'none'}\nours\n${our ?? 'none'}`);
    }
  }
  return { chains, wrong };
}

const plain = (rule: string, family: 'IPv4' | 'IPv6') =>
  normalRule(rule, family).replace(/-m comment --comment ("(?:[^"\\]|\\.)*"|\S+) ?/g, '');

/** Not the masquerading of what is addressed to a clusterIP. */
const isKept = (rule: string) => !/--dport \d+ -j KUBE-MARK-MASQ$/.test(rule);
