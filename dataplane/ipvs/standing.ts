import { canonicalAddress, type Family } from '../../api/address.ts';
import { iptablesSave } from '../../kernel/iptables.ts';
import { type IpvsPrinted, readIpvs, readIpvsIfAny } from '../../kernel/ipvs.ts';
import { CommandError, type Kernel } from '../../kernel/run.ts';
import { parseSaved, type Saved } from '../iptables/parse.ts';
import { dummyDevice } from './context.ts';
import { parseServers, type Servers } from './servers.ts';
import { parseSets, type Sets, setName } from './sets.ts';

/** What of IPVS mode stands in the kernel; sets are those of both families and of others. */
export interface IpvsStanding {
  readonly servers: Servers;
  /** Undefined when there is no {@link dummyDevice}. */
  readonly addresses: ReadonlySet<string> | undefined;
  /** Whether that device carries addresses of the other family too. */
  readonly shared: boolean;
  readonly sets: Sets;
  readonly saved: Saved;
}

/** Reads all of it: two commands. */
export async function readStanding(kernel: Kernel, family: Family): Promise<IpvsStanding> {
  const [printed, saved] = await Promise.all([readIpvs(kernel), iptablesSave(kernel, family)]);
  return { ...standingFrom(printed, family), saved: parseSaved(saved) };
}

/**
 * What this mode has left, where it ever ran; otherwise undefined. Virtual servers alone do not tell: they may
 * be those of others.
 */
export async function readLeftovers(kernel: Kernel, family: Family): Promise<IpvsStanding | undefined> {
  const found = standingFrom(await readIpvsIfAny(kernel), family);
  if (!found.addresses && !found.sets.has(setName('KUBE-CLUSTER-IP', family))) return undefined;
  try {
    return { ...found, saved: parseSaved(await iptablesSave(kernel, family)) };
  } catch (error) {
    // A tool set without tables in this kernel has left nothing either.
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

function standingFrom({ servers, sets, devices }: IpvsPrinted, family: Family): Omit<IpvsStanding, 'saved'> {
  const bound = boundAddresses(devices);
  return {
    servers: parseServers(servers, family),
    sets: parseSets(sets),
    addresses: bound?.[family],
    shared: (bound?.[family === 'IPv4' ? 'IPv6' : 'IPv4'].size ?? 0) > 0,
  };
}

/** One of the links that `ip -json address show` prints. */
interface Link {
  ifname?: string;
  addr_info?: { family: string; local: string; scope: string }[];
}

/** The addresses on the dummy device; undefined without the device. */
function boundAddresses(json: string): Record<Family, Set<string>> | undefined {
  const links: Link[] = json.trim() ? JSON.parse(json) : [];
  const device = links.find(({ ifname }) => ifname === dummyDevice);
  const of = (family: string) =>
    (device?.addr_info ?? [])
      .filter((one) => one.family === family && one.scope !== 'link')
      .map(({ local }) => canonicalAddress(local) ?? local);
  return device && { IPv4: new Set(of('inet')), IPv6: new Set(of('inet6')) };
}
