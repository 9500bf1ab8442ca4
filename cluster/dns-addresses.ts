import { addressAt, type Cidr, canonicalAddress, contains, sizeOf } from '../api/address.ts';
import type { KubeletSettings } from '../node-agent/configuration/read.ts';
import { OptionError } from './option-error.ts';

/**
 * The addresses of the kube-dns Service: what was chosen, else where kubelets send pods when that can be, else the
 * tenth of the first range. Empty for `none`.
 */
export function dnsAddresses(
  choice: string | undefined,
  kubelet: KubeletSettings | undefined,
  serviceCidrs: readonly Cidr[],
): string[] {
  const wanted = choice ?? kubelet?.clusterDns?.find((address) => rangeOf(address, serviceCidrs));
  if (wanted === 'none') return [];
  if (wanted === undefined)
    return serviceCidrs.slice(0, 1).map((cidr) => addressAt(cidr, Math.min(10, Number(sizeOf(cidr)) - 2)));
  if (!rangeOf(wanted, serviceCidrs)) {
    const ranges = serviceCidrs.map(({ text }) => text).join(', ');
    throw new OptionError('cluster-dns', wanted, `an address within the service CIDR ${ranges}, or "none"`);
  }
  return [canonicalAddress(wanted) ?? wanted];
}

function rangeOf(address: string, ranges: readonly Cidr[]): Cidr | undefined {
  return ranges.find((range) => contains(range, address));
}
