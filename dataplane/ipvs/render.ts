import type { Family } from '../../api/address.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import { savedText } from '../iptables/rules.ts';
import type { Row } from '../model/model.ts';
import { servicePortKey } from '../model/serviceport.ts';
import type { NodeFacts } from '../node.ts';
import { stateBuilder } from './builder.ts';
import { ipvsContext } from './context.ts';
import { serversText } from './servers.ts';
import { setsText } from './sets.ts';
import type { IpvsState } from './state.ts';

export interface IpvsInputs {
  readonly rows: readonly Row[];
  readonly node: NodeFacts;
  readonly family: Family;
  readonly configuration: ProxyConfiguration;
  readonly emulatedVersion?: string | undefined;
}

/** What a node in IPVS mode would have, as a value. Pure. */
export function desiredState({ rows, node, family, configuration, emulatedVersion }: IpvsInputs): IpvsState {
  const builder = stateBuilder(ipvsContext(configuration, node, family, emulatedVersion));
  builder.update(new Map(rows.map((row) => [servicePortKey(row.port), row])));
  return builder.state;
}

/**
 * The same as text: what `ipset save`, `iptables-save` and `ipvsadm-save -n` would print, in the order in
 * which it can be restored. The addresses of kube-ipvs0 are those of the set KUBE-IPVS-IPS, which emulated releases
 * have not.
 */
export function ipvsText(inputs: IpvsInputs): string {
  const { sets, rules, servers } = desiredState(inputs);
  const tools = inputs.family === 'IPv4' ? 'iptables' : 'ip6tables';
  return [
    `# ipset restore\n${setsText(sets, inputs.family)}`,
    `# ${tools}-restore\n${savedText(rules)}`,
    `# ipvsadm --restore\n${serversText(servers)}`,
  ].join('');
}
