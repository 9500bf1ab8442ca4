import type { KubeObject } from '../api/object.ts';
import type { EndpointSlice, Node, Service } from '../api/types.ts';
import { type KubeProxyConfiguration, type ProxyConfiguration, proxyConfiguration } from './configuration.ts';
import { ruleContext } from './iptables/context.ts';
import { buildRules, type RuleSet, savedText } from './iptables/rules.ts';
import { type Family, familyOf } from './model/address.ts';
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
  /** Default: the InternalIPs of the Node object; without either, rules that name none of the node's addresses still stand. */
  readonly nodeIps?: readonly string[] | undefined;
  /** Default IPv4. */
  readonly family?: Family | undefined;
  /** A KubeProxyConfiguration, or the text of its file. Default: upstream's defaults. */
  readonly configuration?: string | KubeProxyConfiguration | undefined;
  readonly mode?: 'iptables' | undefined;
  /** The release of kube-proxy whose rules are wanted: `1.33` (default), or `1.10` to `1.13`, as the articles show them. */
  readonly emulatedVersion?: string | undefined;
}

/**
 * The filter and nat tables that a node would have for these objects, hooks included, word for word as
 * `iptables-save` would print them there (iptables 1.8.9), but for the comment lines with the date;
 * `iptables-restore` takes it too. No kernel, no cluster, no privileges. Rejects with an
 * {@link ObjectsError} or {@link ConfigurationError} that says where the text is wrong, and a RangeError
 * where an option is.
 */
export async function renderRules({
  objects,
  configuration = {},
  ...options
}: RenderOptions): Promise<string> {
  return savedText(
    desiredRules({
      ...options,
      objects: typeof objects === 'string' ? await parseObjects(objects) : objects,
      configuration: proxyConfiguration(
        typeof configuration === 'string' ? await parseDocument(configuration) : configuration,
      ),
    }),
  );
}

export interface DesiredOptions extends Omit<RenderOptions, 'objects' | 'configuration'> {
  readonly objects: readonly KubeObject[];
  readonly configuration?: ProxyConfiguration;
}

/** The same as a value, in kube-proxy's wording, to print, compare or trace packets through. Pure. Throws as {@link renderRules} rejects. */
export function desiredRules({
  objects: given,
  nodeName,
  nodeIps,
  family = 'IPv4',
  configuration = proxyConfiguration(),
  mode = 'iptables',
  emulatedVersion,
}: DesiredOptions): RuleSet {
  for (const ip of nodeIps ?? [])
    if (!familyOf(ip)) throw new RangeError(`node address ${JSON.stringify(ip)} is not an IP address`);
  if (mode !== 'iptables') throw new Error(`render: mode ${JSON.stringify(mode)} is none of iptables`);
  const objects = given.map(wellFormed);
  const rows = rowsOf(objects, family, nodeName);
  const node = objects.find((one): one is Node => one.kind === 'Node' && one.metadata?.name === nodeName);
  const endpoints = rows.reduce((sum, row) => sum + row.endpoints.length, 0);
  const facts = nodeFacts(nodeName, node, { ips: nodeIps });
  return buildRules(rows, ruleContext(configuration, facts, family, { endpoints, emulatedVersion }));
}

function rowsOf(objects: readonly KubeObject[], family: Family, nodeName: string): Row[] {
  const model = createModel(family, nodeName);
  for (const [i, object] of objects.entries()) {
    // A slice that the API has not named yet is one all the same.
    const key = `${object.metadata?.namespace ?? 'default'}/${object.metadata?.name ?? `#${i}`}`;
    if (object.kind === 'Service') model.setService(key, object as Service);
    else if (object.kind === 'EndpointSlice') model.setSlice(key, object as EndpointSlice);
  }
  return [...model.rows().values()];
}
