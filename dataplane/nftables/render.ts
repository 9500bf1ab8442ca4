import type { Family } from '../../api/address.ts';
import type { NftablesLayout, ProxyConfiguration } from '../configuration.ts';
import type { Row } from '../model/model.ts';
import { servicePortKey } from '../model/serviceport.ts';
import type { NodeFacts } from '../node.ts';
import { ruleContext } from './context.ts';
import { tableBuilder } from './dataplane.ts';
import { type Table, tableText } from './table.ts';

export interface NftablesInputs {
  readonly rows: readonly Row[];
  readonly node: NodeFacts;
  readonly family: Family;
  readonly configuration: ProxyConfiguration;
  /** Default: what the configuration says. */
  readonly layout?: NftablesLayout | undefined;
}

/** The table of one address family as a value. Pure. */
export function desiredTable({
  rows,
  node,
  family,
  configuration,
  layout = configuration.nftables.layout,
}: NftablesInputs): Table {
  const builder = tableBuilder(layout, ruleContext(configuration, node, family));
  builder.update(new Map(rows.map((row) => [servicePortKey(row.port), row])));
  return builder.table;
}

/** The same as commands for `nft -f`; loaded into a kernel that has no such table they make it. */
export function nftablesText(inputs: NftablesInputs): string {
  return tableText(desiredTable(inputs), inputs.family === 'IPv4' ? 'ip' : 'ip6');
}
