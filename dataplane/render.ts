import { type Family, familyOf } from '../api/address.ts';
import type { KubeObject } from '../api/object.ts';
import type { EndpointSlice, Node, Service, ServiceCIDR } from '../api/types.ts';
import {
  type KubeProxyConfiguration,
  type NftablesLayout,
  type ProxyConfiguration,
  type ProxyMode,
  proxyConfiguration,
} from './configuration.ts';
import { ruleContext } from './iptables/context.ts';
import { buildRules, type RuleSet, savedText } from './iptables/rules.ts';
import { createModel, type Row } from './model/model.ts';
import { nodeFacts } from './node.ts';
import { parseDocument, parseObjects } from './objects.ts';
import { wellFormed } from './wellformed.ts';

export { ConfigurationError, proxyConfiguration } from './configuration.ts';
export { ObjectsError, parseObjects } from './objects.ts';

export interface RenderOptions {
  /**
   * Services, EndpointSlices, Nodes and ServiceCIDRs, or the text of a file of them (YAML or JSON,
   * several documents); other kinds are ignored. API defaults may be missing.
   */
  readonly objects: string | readonly KubeObject[];
  readonly nodeName: string;
  /** Default, for each family: the InternalIP of the Node object; without it, rules that name none of the node's addresses still stand. */
  readonly nodeIps?: readonly string[] | undefined;
  /** Default IPv4. */
  readonly family?: Family | undefined;
  /** A KubeProxyConfiguration, or the text of its file. Default: upstream's defaults. */
  readonly configuration?: string | KubeProxyConfiguration | undefined;
  readonly mode?: ProxyMode | undefined;
  /** In mode nftables, instead of what the configuration says: kube-proxy's chains or shared maps. */
  readonly nftablesLayout?: NftablesLayout | undefined;
  /** The release of kube-proxy whose rules are wanted: `1.33` (default), or `1.10` to `1.13`, as the articles show them. */
  readonly emulatedVersion?: string | undefined;
}

/**
 * The filter and nat tables that a node would have for these objects, hooks included, word for word as
 * `iptables-save` would print them there (iptables 1.8.9), but for the comment lines with the date;
 * `iptables-restore` takes it too. In mode nftables: the table as commands for `nft -f`. In mode ipvs: what
 * `ipset save`, `iptables-save` and `ipvsadm-save -n` would print, each after a comment line that names
 * who takes it. No kernel, no cluster, no privileges. Rejects with an {@link ObjectsError} or
 * {@link ConfigurationError} that says where the text is wrong, and a RangeError where an option is.
 */
export async function renderRules({
  objects,
  configuration = {},
  ...options
}: RenderOptions): Promise<string> {
  const read = {
    ...options,
    objects: typeof objects === 'string' ? await parseObjects(objects) : objects,
    configuration: proxyConfiguration(
      typeof configuration === 'string' ? await parseDocument(configuration) : configuration,
    ),
  };
  if (options.mode === 'ipvs') {
    const { ipvsText } = await import('./ipvs/render.ts');
    const { emulatedVersion } = options;
    return ipvsText({ ...inputsOf(read), configuration: read.configuration, emulatedVersion });
  }
  if (options.mode !== 'nftables') return savedText(desiredRules(read));
  const { nftablesText } = await import('./nftables/render.ts');
  return nftablesText({
    ...inputsOf(read),
    configuration: read.configuration,
    layout: options.nftablesLayout,
  });
}

export interface DesiredOptions extends Omit<RenderOptions, 'objects' | 'configuration'> {
  readonly objects: readonly KubeObject[];
  readonly configuration?: ProxyConfiguration;
}

/** The same as a value, in kube-proxy's wording, to print, compare or trace packets through. Pure. Throws as {@link renderRules} rejects. */
export function desiredRules(options: DesiredOptions): RuleSet {
  const { configuration = proxyConfiguration(), mode = 'iptables', emulatedVersion } = options;
  if (mode !== 'iptables') throw new Error(`render: mode ${JSON.stringify(mode)} is none of iptables`);
  const { rows, node, family } = inputsOf(options);
  const endpoints = rows.reduce((sum, row) => sum + row.endpoints.length, 0);
  return buildRules(rows, ruleContext(configuration, node, family, { endpoints, emulatedVersion }));
}

/** What rules of any mode depend on. */
function inputsOf({ objects: given, nodeName, nodeIps, family = 'IPv4' }: DesiredOptions) {
  for (const ip of nodeIps ?? [])
    if (!familyOf(ip)) throw new RangeError(`node address ${JSON.stringify(ip)} is not an IP address`);
  const objects = given.map(wellFormed);
  const rows = rowsOf(objects, family, nodeName);
  const node = objects.find((one): one is Node => one.kind === 'Node' && one.metadata?.name === nodeName);
  const serviceCIDRs = (objects as ServiceCIDR[])
    .filter(({ kind }) => kind === 'ServiceCIDR')
    .flatMap(({ spec }) => spec?.cidrs ?? []);
  return { rows, family, node: { ...nodeFacts(nodeName, node, { ips: nodeIps }), serviceCIDRs } };
}

function rowsOf(objects: readonly KubeObject[], family: Family, nodeName: string): Row[] {
  const model = createModel(family, nodeName);
  for (const [i, object] of objects.entries()) {
    // A slice that the API has not named yet is one all the same.
    const key = `${object.metadata?.namespace ?? 'default'}/${object.metadata?.name ?? `#${i}`}`;
    if (object.kind === 'Service') model.setService(key, object as Service);
    else if (object.kind === 'EndpointSlice') model.setSlice(key, object as EndpointSlice);
  }
  const rows = [...model.rows()].sort(([a], [b]) => (a < b ? -1 : 1));
  return rows.map(([, row]) => row);
}
