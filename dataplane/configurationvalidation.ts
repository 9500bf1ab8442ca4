import { cidrOf, familyOf } from '../api/address.ts';
import type { ProxyConfiguration } from './configuration.ts';

const modes = ['iptables', 'ipvs', 'nftables'];
const localModes = ['BridgeInterface', 'ClusterCIDR', 'InterfaceNamePrefix', 'NodeCIDR'];
const schedulers = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'sh', 'dh', 'mh', 'sed', 'nq'];
const layouts = ['upstream', 'flat'];

/** What the file says of things that a ProxyConfiguration has in another form, or not at all. */
export interface Unread {
  readonly clusterCIDR: string;
  readonly oomScoreAdj: number | undefined;
  readonly configSyncPeriod: number;
  readonly burst: unknown;
}

/**
 * Everything that is wrong with a configuration, in kube-proxy's words. Upstream:
 * `pkg/proxy/apis/config/validation/validation.go`, whose paths name the fields as Go does.
 */
export function configurationErrors(configuration: ProxyConfiguration, unread: Unread): string[] {
  const errors: string[] = [];
  const invalid: Invalid = (path, value, why) =>
    errors.push(`KubeProxyConfiguration.${path}: Invalid value: ${JSON.stringify(value)}: ${why}`);
  const { iptables, ipvs, nftables, conntrack, detectLocal } = configuration;
  const atLeast0 = (path: string, value: number) => {
    if (value < 0) invalid(path, duration(value), 'must be greater than or equal to 0');
  };

  oneOf(invalid, 'Mode', configuration.mode, modes, 'the best-available proxy [currently iptables]');
  for (const [path, section] of Object.entries({ IPTables: iptables, NFTables: nftables })) {
    const { masqueradeBit } = section;
    if (!Number.isInteger(masqueradeBit) || masqueradeBit < 0 || masqueradeBit > 31)
      invalid(`${path}.MasqueradeBit`, masqueradeBit, 'must be within the range [0, 31]');
    periods(invalid, path, section);
  }
  periods(invalid, 'IPVS', ipvs);
  for (const name of ['tcpTimeout', 'tcpFinTimeout', 'udpTimeout'] as const)
    atLeast0(`IPVS.${inGo(name)}`, ipvs[name]);
  oneOf(invalid, 'IPVS.Scheduler', ipvs.scheduler, schedulers, 'the default algorithm method (currently rr)');
  cidrs(invalid, 'IPVS.ExcludeCIDRs', ipvs.excludeCIDRs);
  oneOf(invalid, 'NFTables.Layout', nftables.layout, layouts, 'upstream');
  for (const name of ['maxPerCore', 'min'] as const)
    if (conntrack[name] < 0)
      invalid(`Conntrack.${inGo(name)}`, conntrack[name], 'must be greater than or equal to 0');
  for (const name of [
    'tcpEstablishedTimeout',
    'tcpCloseWaitTimeout',
    'udpTimeout',
    'udpStreamTimeout',
  ] as const)
    atLeast0(`Conntrack.${inGo(name)}`, conntrack[name]);
  if (typeof unread.burst === 'number' && unread.burst < 0)
    invalid('ClientConnection.Burst', unread.burst, 'must be greater than or equal to 0');
  const { oomScoreAdj = 0 } = unread;
  if (oomScoreAdj < -1000 || oomScoreAdj > 1000)
    invalid('OOMScoreAdj', oomScoreAdj, 'must be within the range [-1000, 1000]');
  if (unread.configSyncPeriod < 0)
    invalid('ConfigSyncPeriod', duration(unread.configSyncPeriod), 'must be greater than 0');
  if (configuration.bindAddress && !familyOf(configuration.bindAddress))
    invalid('BindAddress', configuration.bindAddress, 'not a valid textual representation of an IP address');
  hostPort(invalid, 'HealthzBindAddress', configuration.healthzBindAddress);
  hostPort(invalid, 'MetricsBindAddress', configuration.metricsBindAddress);
  oneOf(invalid, 'DetectLocalMode', detectLocal.mode, localModes, 'ClusterCIDR');
  clusterCIDR(invalid, unread.clusterCIDR);
  if (detectLocal.mode === 'BridgeInterface')
    networkInterface(invalid, 'DetectLocal.BridgeInterface', detectLocal.bridgeInterface);
  if (detectLocal.mode === 'InterfaceNamePrefix')
    networkInterface(invalid, 'DetectLocal.InterfaceNamePrefix', detectLocal.interfaceNamePrefix);
  const addresses = configuration.nodePortAddresses;
  if (addresses.includes('primary') && addresses.length > 1)
    invalid('NodePortAddresses', addresses, 'can\'t use both "primary" and CIDRs');
  else if (addresses[0] !== 'primary') cidrs(invalid, 'NodePortAddresses', addresses);
  return errors;
}

type Invalid = (path: string, value: unknown, why: string) => void;

/** `tcpFinTimeout` as Go spells it. */
const inGo = (name: string) => name.replace(/^(tcp|udp|[a-z])/, (start) => start.toUpperCase());

function oneOf(
  invalid: Invalid,
  path: string,
  value: string,
  allowed: readonly string[],
  blank: string,
): void {
  if (!allowed.includes(value))
    invalid(path, value, `must be ${allowed.join(',')} or blank (blank means ${blank})`);
}

function periods(
  invalid: Invalid,
  path: string,
  { syncPeriod, minSyncPeriod }: { readonly syncPeriod: number; readonly minSyncPeriod: number },
): void {
  if (syncPeriod <= 0) invalid(`${path}.SyncPeriod`, duration(syncPeriod), 'must be greater than 0');
  if (minSyncPeriod < 0)
    invalid(`${path}.MinSyncPeriod`, duration(minSyncPeriod), 'must be greater than or equal to 0');
  if (minSyncPeriod > syncPeriod && syncPeriod > 0)
    invalid(
      `${path}.SyncPeriod`,
      duration(syncPeriod),
      `must be greater than or equal to KubeProxyConfiguration.${path}.MinSyncPeriod`,
    );
}

function cidrs(invalid: Invalid, path: string, texts: readonly string[]): void {
  for (const [i, text] of texts.entries())
    if (!cidrOf(text)) invalid(`${path}[${i}]`, text, 'must be a valid CIDR (as in 10.244.0.0/16)');
}

function clusterCIDR(invalid: Invalid, text: string): void {
  if (text === '') return;
  const families = text.split(',').map((one) => cidrOf(one)?.family);
  const dual = 'DualStack CIDR (e.g. 10.100.0.0/16,fde4:8dba:82e1::/48)';
  if (families.length > 2) invalid('ClusterCIDR', text, `only one CIDR allowed or a valid ${dual}`);
  else if (families.length === 2 && (families.includes(undefined) || families[0] === families[1]))
    invalid('ClusterCIDR', text, `must be a valid ${dual}`);
  else if (families.includes(undefined))
    invalid('ClusterCIDR', text, 'must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)');
}

function hostPort(invalid: Invalid, path: string, text: string): void {
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|([^:]*)):([^:]*)$/.exec(text) ?? [];
  if (port === undefined) {
    invalid(path, text, 'must be IP:port');
    return;
  }
  const host = bracketed ?? plain ?? '';
  if (!familyOf(host)) invalid(path, host, 'must be a valid IP');
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    invalid(path, port, 'must be a valid port');
}

/** The kernel's own limits; rules name it without quotes. */
function networkInterface(invalid: Invalid, path: string, name: string): void {
  if (name === '') invalid(path, name, 'must not be empty');
  else if (!/^[^\s/"]{1,15}$/.test(name))
    invalid(path, name, 'must be a name of at most 15 characters without blanks, quotes and slashes');
}

/** Milliseconds as Go prints them. */
const duration = (milliseconds: number) => `${milliseconds / 1_000}s`;
