import { describe, expect, test } from 'vitest';
import type { Family } from '../../api/address.ts';
import type { KubeObject } from '../../api/object.ts';
import type { KubeProxyConfiguration } from '../configuration.ts';
import { renderRules } from '../render.ts';
import { type ReadRules, readRules, trace } from '../trace.ts';

/** Ways into the kernel whose rules packets are traced through. */
export const backends = ['iptables', 'nftables', 'flat', 'ipvs'] as const;
export type Backend = (typeof backends)[number];

/** Where this differs from the others; `nftables` stands for both layouts. */
export type Otherwise = { readonly [backend in Exclude<Backend, 'flat'>]?: string };

/**
 * Who asks what, and what becomes of it: `10.180.0.1:80`, several in the order of the draw, `REJECT`, `DROP`;
 * ` masq` behind it where the receiver sees an address of the node. Ours never differ between layouts.
 */
export type Flow = readonly [
  name: string,
  source: string,
  destination: string,
  port: number,
  expected: string,
  otherwise?: Otherwise | undefined,
];

export interface FlowOptions extends KubeProxyConfiguration {
  protocol?: string;
  family?: Family;
}

/** Conventions of upstream's packet flow tests. */
export const here = 'test-node';
export const nodeIp = '192.168.0.2';
export const nodeIps = [nodeIp, '192.168.1.2', '192.168.99.11', '2001:db8::1', '2001:db8:1::2'];
export const pod = '10.0.0.2';
export const client = '203.0.113.2';
export const blocked = '203.0.113.130';

const serviceCIDR = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name: 'kubernetes' },
  spec: { cidrs: ['172.30.0.0/16', 'fd00:10:96::/112'] },
};

/** Every flow, through the rules that each backend has for these objects, as it renders them. */
export function describeFlows(
  name: string,
  objects: readonly KubeObject[],
  flows: readonly Flow[],
  { protocol = 'tcp', family = 'IPv4', ...configuration }: FlowOptions = {},
): void {
  describe.each(backends)(`${name}: %s`, (backend) => {
    let rules: Promise<ReadRules> | undefined;
    test.each(flows.map((flow) => [flow[0], flow] as const))('%s', async (_, flow) => {
      const [, source, destination, port, expected, otherwise = {}] = flow;
      rules ??= rulesOf(backend, objects, family, configuration);
      const outcomes = trace(await rules, { source, destination, port, protocol, nodeIps });
      expect(outcomeText(outcomes)).toBe(otherwise[backend === 'flat' ? 'nftables' : backend] ?? expected);
      expect(outcomes.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
    });
  });
}

async function rulesOf(
  backend: Backend,
  objects: readonly KubeObject[],
  family: Family,
  configuration: KubeProxyConfiguration,
): Promise<ReadRules> {
  const text = await renderRules({
    objects: [serviceCIDR, ...objects],
    nodeName: here,
    nodeIps,
    family,
    mode: backend === 'flat' ? 'nftables' : backend,
    nftablesLayout: backend === 'flat' ? 'flat' : 'upstream',
    configuration: {
      clusterCIDR: '10.0.0.0/8,fd00:10::/64',
      nodePortAddresses: ['192.168.0.2/32', '2001:db8::1/128'],
      ...configuration,
    },
  });
  return readRules(text);
}

/** The outcomes in the words of a {@link Flow}. */
export function outcomeText(outcomes: ReturnType<typeof trace>): string {
  const to = outcomes.map((one) => (one.verdict === 'accept' ? one.to : one.verdict.toUpperCase()));
  const masqueraded = new Set(outcomes.map((one) => one.masqueraded));
  if (masqueraded.size > 1)
    return outcomes.map((one, i) => `${to[i]}${one.masqueraded ? ' masq' : ''}`).join(', ');
  return `${to.join(', ')}${masqueraded.has(true) ? ' masq' : ''}`;
}
