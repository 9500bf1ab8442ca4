import { NftError, type NftFamily, nftApply, nftListMap } from '../../kernel/nft.ts';
import type { Kernel } from '../../kernel/run.ts';
import type { Touched } from './build.ts';
import { parseLearned } from './listed.ts';
import { commandsFor, type Table, tableName } from './table.ts';

const protocols = ['tcp', 'udp', 'sctp'] as const;
const affinityMaps = ['affinity-ips', 'affinity-nodeports'];

/** Whether the endpoints of a Service with session affinity may have changed (layout `flat`). */
export function mayForget({ elements }: Touched): boolean {
  return affinityMaps.some((set) => (elements.get(set)?.size ?? 0) > 0);
}

/**
 * Takes out what packets taught the affinity maps of endpoints that are gone; clients of other endpoints stay
 * where they are. What expires meanwhile makes the kernel refuse the deletion: then it is looked at again.
 */
export async function forgetGoneEndpoints(kernel: Kernel, family: NftFamily, table: Table): Promise<void> {
  const write = commandsFor(family);
  for (const protocol of protocols) {
    const set = `${protocol}-affinity`;
    if (!table.sets.has(set) || !table.elements.has(`${protocol}-endpoints`)) continue;
    for (let tries = 3; tries > 0; tries--) {
      const learned = parseLearned((await nftListMap(kernel, family, tableName, set)) ?? []);
      const gone = [...learned].filter(([key, value]) => !isEndpoint(table, protocol, key, value));
      if (gone.length === 0) break;
      try {
        await nftApply(kernel, `${write.deleteElements(gone.map(([key]) => ({ set, key })))}\n`);
        break;
      } catch (error) {
        if (!(error instanceof NftError) || tries === 1) throw error;
      }
    }
  }
}

/** Whether `client . address . port` may still be sent to `endpoint . port`. */
function isEndpoint(table: Table, protocol: string, key: string, value: string): boolean {
  const [, address = '', port = ''] = key.split(' . ');
  const among = (map: string, start: string) => {
    const endpoints = table.elements.get(`${protocol}-${map}`);
    for (let i = 0; ; i++) {
      const endpoint = endpoints?.get(`${start} . ${i}`);
      if (!endpoint) return false;
      if (endpoint.value === value) return true;
    }
  };
  return (
    among('endpoints', `${address} . ${port}`) ||
    among('inside-endpoints', `${address} . ${port}`) ||
    among('nodeport-endpoints', port) ||
    among('inside-nodeport-endpoints', port)
  );
}
