import { canonicalAddress, type Family, familyOf } from '../../api/address.ts';
import type { ProxyConfiguration } from '../configuration.ts';
import { type RuleContext, ruleContext } from '../iptables/context.ts';
import type { NodeFacts } from '../node.ts';

/** The device that carries the addresses of Services, so that packets for them are taken in. */
export const dummyDevice = 'kube-ipvs0';

/** Everything but Services and endpoints that the state depends on. */
export interface IpvsContext extends RuleContext {
  readonly scheduler: string;
  /** Where node ports answer, each by a virtual server of its own. */
  readonly nodePortIps: readonly string[];
  /** The node's own addresses: one of these is not put on {@link dummyDevice} as well. */
  readonly ownIps: ReadonlySet<string>;
  /** Whether it is one of the articles' releases that is emulated. */
  readonly classic: boolean;
}

/** Releases before this one are those of the articles. */
const today = '1.33';

/** Whether it is one of the articles' releases that is emulated. */
export const isClassic = (emulatedVersion = today) => emulatedVersion.replace(/^v/, '') !== today;

/** Upstream: the beginning of `syncProxyRules` in `pkg/proxy/ipvs/proxier.go`. */
export function ipvsContext(
  configuration: ProxyConfiguration,
  node: NodeFacts,
  family: Family,
  emulatedVersion?: string,
): IpvsContext {
  const { scheduler } = configuration.ipvs;
  const classic = isClassic(emulatedVersion);
  const rules = ruleContext(configuration, node, family);
  const local = node.localAddresses
    .map((ip) => canonicalAddress(ip) ?? ip)
    .filter((ip) => familyOf(ip) === family && !/^fe80:/i.test(ip));
  const chosen = rules.nodePorts.all ? local : rules.nodePorts.addresses;
  return {
    ...rules,
    scheduler,
    nodePortIps: [...new Set(chosen)].filter((ip) => classic || !isLoopback(ip)),
    ownIps: new Set(local.filter((ip) => !isLoopback(ip))),
    classic,
  };
}

const isLoopback = (ip: string) => ip.startsWith('127.') || ip === '::1';
