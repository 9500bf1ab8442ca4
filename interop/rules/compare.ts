import type { Family } from '../../api/address.ts';
import type { KubeObject } from '../../api/object.ts';
import type { KubeProxyConfiguration } from '../../dataplane/configuration.ts';
import { renderRules } from '../../dataplane/render.ts';
import { type ReadRules, readRules } from '../../dataplane/trace.ts';
import type { Deviation } from './deviations.ts';
import { type Flow, nodeAddresses } from './flows.ts';
import { nftablesDeviations } from './nftables.ts';
import { flowText, sameWays, type Ways, waysText, waysThrough } from './outcomes.ts';

/** Rules of both families, as the tools print them. */
export type RuleTexts = Readonly<Record<Family, string>>;

/** What became of flows through the rules of one of our modes, held against genuine ones. */
export interface Comparison {
  flows: number;
  same: number;
  /** Flows that differ as foretold, by the deviations that make them. */
  readonly explained: Map<string, number>;
  /** Those that differ otherwise, or that should and do not: in words. */
  readonly wrong: string[];
}

export interface Round {
  readonly genuine: RuleTexts;
  /** By name; those of mode nftables are known by their text. */
  readonly ours: ReadonlyMap<string, RuleTexts>;
  readonly objects: readonly KubeObject[];
  readonly flows: readonly Flow[];
}

function comparisonOf(all: Map<string, Comparison>, name: string): Comparison {
  const comparison = all.get(name) ?? { flows: 0, same: 0, explained: new Map<string, number>(), wrong: [] };
  all.set(name, comparison);
  return comparison;
}

/**
 * Asks genuine rules and ours for every flow, and adds what comes of it. Genuine ones must lead where ours do once the
 * deviations are counted in, and nowhere else. Ours must be what is rendered for the same objects: what they came to
 * step by step is what a new proxy would write. Comparisons are kept by `NAME: DOOR`.
 */
export async function compareRound(
  { genuine, ours, objects, flows }: Round,
  eyes: Eyes,
  comparisons: Map<string, Comparison>,
): Promise<void> {
  const { deviations } = eyes;
  const foretold = await predict(objects, eyes);
  const without = await Promise.all(
    deviations.map((one) =>
      predict(objects, { ...eyes, deviations: deviations.filter((other) => other !== one) }),
    ),
  );
  const alone = await Promise.all(deviations.map((one) => predict(objects, { ...eyes, deviations: [one] })));
  const rendered = await predict(objects, { ...eyes, deviations: [] });
  const theirs = readBoth(genuine);
  const own = [...ours].map(([name, texts]) => {
    const rules = readBoth(texts);
    return { name, rules, nftables: 'nftables' in rules.IPv4 };
  });
  for (const flow of flows) {
    const their = waysThrough(theirs[flow.family], flow);
    const [expected, base] = [foretold(flow), rendered(flow)];
    const asForetold = sameWays(their, expected);
    const decisive = deviations.filter((_, i) => !sameWays(expected, without[i]?.(flow) ?? expected));
    // Where two lead to the same none of them can be left out: those that would do it alone.
    const reasons =
      decisive.length > 0 || sameWays(expected, base)
        ? decisive
        : deviations.filter((_, i) => !sameWays(base, alone[i]?.(flow) ?? base));
    for (const { name, rules, nftables } of own) {
      const comparison = comparisonOf(comparisons, `${name}: ${flow.door}`);
      comparison.flows++;
      const our = waysThrough(rules[flow.family], flow);
      const modes = nftables ? nftablesDeviations : [];
      const wanted = modes.reduce(
        (ways, one) => one.ways?.(flow, ways, rendered, eyes.configuration) ?? ways,
        base,
      );
      const say = (what: string) => comparison.wrong.push(`${flowText(flow)}: ${what}`);
      if (!sameWays(our, wanted))
        say(`our rules lead to ${waysText(our)}, those of a new start to ${waysText(wanted)}`);
      else if (!asForetold)
        say(
          `genuine rules lead to ${waysText(their)}, ours to ${waysText(our)}; foretold was ${waysText(expected)}`,
        );
      else if (sameWays(their, our)) comparison.same++;
      else {
        const all = [
          ...reasons,
          ...modes.filter(
            (one) => !sameWays(one.ways?.(flow, base, rendered, eyes.configuration) ?? base, base),
          ),
        ];
        const text = all.map(({ what }) => what).join(' + ');
        comparison.explained.set(text, (comparison.explained.get(text) ?? 0) + 1);
      }
    }
  }
}

/** Where flows go by {@link seenRules}. */
async function predict(objects: readonly KubeObject[], eyes: Eyes): Promise<(flow: Flow) => Ways> {
  const rules = readBoth(await seenRules(objects, eyes));
  const ours = (flow: Flow) => waysThrough(rules[flow.family], flow);
  return (flow) =>
    eyes.deviations.reduce(
      (ways, one) => one.ways?.(flow, ways, ours, eyes.configuration) ?? ways,
      ours(flow),
    );
}

/** How a genuine proxy sees the objects. */
export interface Eyes {
  readonly mode: 'iptables' | 'ipvs';
  /** Of its release. */
  readonly deviations: readonly Deviation[];
  /** What its command line says. */
  readonly configuration: KubeProxyConfiguration;
}

/** Rules of ours in the mode of the genuine proxy, for what it takes the objects for. */
export async function seenRules(
  objects: readonly KubeObject[],
  { mode, deviations, configuration }: Eyes,
): Promise<RuleTexts> {
  const seen = objects.map((object) =>
    deviations.reduce((one, { object: change }) => change?.(one) ?? one, object),
  );
  const render = (family: Family) => {
    const known = deviations.every(({ knowsNodeIp }) => knowsNodeIp?.(family) ?? true);
    const nodeIps = nodeAddresses[family];
    return renderRules({
      objects: seen,
      nodeName: 'worker',
      // The first one is the node IP.
      nodeIps: known ? nodeIps : [family === 'IPv4' ? '127.0.0.1' : '::1', ...nodeIps],
      mode,
      family,
      configuration,
    });
  };
  return { IPv4: await render('IPv4'), IPv6: await render('IPv6') };
}

const readBoth = (texts: RuleTexts): Record<Family, ReadRules> => ({
  IPv4: readRules(texts.IPv4),
  IPv6: readRules(texts.IPv6),
});
