import type { Outcome } from '../../dataplane/packet.ts';
import type { Rules } from '../../dataplane/trace.ts';
import { trace } from '../../dataplane/trace.ts';
import type { Flow } from './flows.ts';

/** Where packets go, each way once, with its share: `10.244.1.21:8005 masquerade` → 0.5. `drop` and `reject` have no address. */
export type Ways = ReadonlyMap<string, number>;

/** The ways of a flow through these rules. */
export function waysThrough(rules: Rules, flow: Flow): Ways {
  return waysOf(trace(rules, flow));
}

export function waysOf(
  outcomes: readonly Pick<Outcome, 'verdict' | 'to' | 'masqueraded' | 'probability'>[],
): Ways {
  const ways = new Map<string, number>();
  for (const { verdict, to, masqueraded, probability } of outcomes) {
    const way = verdict === 'accept' ? `${to}${masqueraded ? ' masquerade' : ''}` : verdict;
    ways.set(way, (ways.get(way) ?? 0) + probability);
  }
  return ways;
}

/** Equal but for what the tools round. */
export function sameWays(a: Ways, b: Ways): boolean {
  return a.size === b.size && [...a].every(([way, share]) => Math.abs(share - (b.get(way) ?? 0)) < 1e-4);
}

export function waysText(ways: Ways): string {
  return [...ways]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([way, share]) => (ways.size > 1 ? `${(share * 100).toFixed(1)} % ${way}` : way))
    .join(', ');
}

export function flowText({ from, source, door, destination, port, protocol, service }: Flow): string {
  return `${protocol} from ${from} (${source}) to ${door}${service ? ` of ${service.name}` : ''} (${destination} port ${port})`;
}
