import { ipBatch } from '../../kernel/ip.ts';
import { ipsetSave } from '../../kernel/ipset.ts';
import { iptablesSave } from '../../kernel/iptables.ts';
import { ipvsSave } from '../../kernel/ipvs.ts';
import { CommandError, type Kernel } from '../../kernel/run.ts';
import { parseSaved, type Saved } from '../iptables/parse.ts';
import { canonicalAddress, type Family } from '../model/address.ts';
import { dummyDevice } from './context.ts';
import { parseServers, type Servers } from './servers.ts';
import { parseSets, type Sets, setName } from './sets.ts';

/** What of IPVS mode stands in the kernel; sets are those of both families and of others. */
export interface IpvsStanding {
  readonly servers: Servers;
  /** Undefined when there is no {@link dummyDevice}. */
  readonly addresses: ReadonlySet<string> | undefined;
  readonly sets: Sets;
  readonly saved: Saved;
}

/** Reads all of it: four commands. */
export async function readStanding(kernel: Kernel, family: Family): Promise<IpvsStanding> {
  const [servers, sets, addresses, saved] = await Promise.all([
    ipvsSave(kernel),
    ipsetSave(kernel),
    readAddresses(kernel, family),
    iptablesSave(kernel, family),
  ]);
  return {
    servers: parseServers(servers, family),
    sets: parseSets(sets),
    addresses,
    saved: parseSaved(saved),
  };
}

/** The same, where a tool or what it needs of the kernel may be missing: then there is nothing of that kind. */
export async function readWhatThereIs(kernel: Kernel, family: Family): Promise<IpvsStanding> {
  const [servers, sets, addresses, saved] = await Promise.all([
    orNothing(ipvsSave(kernel), ''),
    orNothing(ipsetSave(kernel), ''),
    orNothing(readAddresses(kernel, family), undefined),
    orNothing(iptablesSave(kernel, family), ''),
  ]);
  return {
    servers: parseServers(servers, family),
    sets: parseSets(sets),
    addresses,
    saved: parseSaved(saved),
  };
}

/**
 * Whether this mode has left anything: its device, or its sets. Virtual servers alone may be those of others,
 * on a machine that never ran it.
 */
export async function everRan(kernel: Kernel, family: Family): Promise<boolean> {
  if (await orNothing(readAddresses(kernel, family), undefined)) return true;
  return parseSets(await orNothing(ipsetSave(kernel), '')).has(setName('KUBE-CLUSTER-IP', family));
}

async function orNothing<T>(reading: Promise<T>, nothing: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof CommandError) return nothing;
    throw error;
  }
}

/** One of the links that `ip -json address show` prints. */
interface Link {
  ifname?: string;
  addr_info?: { family: string; local: string; scope: string }[];
}

/** The addresses of one family on the dummy device; undefined without the device. */
export async function readAddresses(kernel: Kernel, family: Family): Promise<Set<string> | undefined> {
  const { stdout } = await ipBatch(kernel, ['address show type dummy'], { json: true });
  const links: Link[] = stdout.trim() ? JSON.parse(stdout) : [];
  const device = links.find(({ ifname }) => ifname === dummyDevice);
  const wanted = family === 'IPv4' ? 'inet' : 'inet6';
  return (
    device &&
    new Set(
      (device.addr_info ?? [])
        .filter((one) => one.family === wanted && one.scope !== 'link')
        .map(({ local }) => canonicalAddress(local) ?? local),
    )
  );
}
