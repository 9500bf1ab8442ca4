import type { RuleSet } from '../iptables/rules.ts';
import type { Row } from '../model/model.ts';
import type { IpvsContext } from './context.ts';
import type { Filled } from './rules.ts';
import type { SetId } from './sets.ts';
import type { Part } from './state.ts';

/** How one release of kube-proxy lays out IPVS mode. */
export interface IpvsDialect {
  /** That it has, filled or not. */
  readonly sets: readonly SetId[];
  /** What one Service port needs. */
  part(row: Row, context: IpvsContext): Part;
  /** The rules around IPVS; `blocked` stand in KUBE-IPVS-OUT-FILTER, where there is one. */
  rules(context: IpvsContext, filled: Filled, blocked: readonly string[]): RuleSet;
}
