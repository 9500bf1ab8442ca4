import { randomUUID } from 'node:crypto';
import type { ObjectMeta } from '../../../api/types.ts';
import { timestamp } from '../pipeline/metadata.ts';
import { parsePortRange } from '../port-allocator.ts';

/** The record of a ClusterIP: an IPAddress, as stored. Upstream: `pkg/registry/core/service/ipallocator/ipallocator.go`. */
export function ipAddress(ip: string, { name = '', namespace = '' }: Partial<ObjectMeta>): Buffer {
  return Buffer.from(
    JSON.stringify({
      kind: 'IPAddress',
      apiVersion: 'networking.k8s.io/v1',
      metadata: {
        name: ip,
        uid: randomUUID(),
        creationTimestamp: timestamp(new Date()),
        labels: {
          'ipaddress.kubernetes.io/ip-family': ip.includes(':') ? 'IPv6' : 'IPv4',
          'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
        },
      },
      spec: { parentRef: { resource: 'services', namespace, name } },
    }),
  );
}

/**
 * The record of node ports: a RangeAllocation whose bit N is port N of the range, in a number with the most
 * significant byte first. Upstream: `pkg/registry/core/service/allocator/bitmap.go`, `Snapshot`.
 */
export function portBitmap(range: string, ports: readonly number[]): Buffer {
  const { first, last } = parsePortRange(range);
  const offsets = ports.filter((port) => port >= first && port <= last).map((port) => port - first);
  const bits = Buffer.alloc(Math.floor(Math.max(-1, ...offsets) / 8) + 1);
  for (const offset of offsets) {
    const at = bits.length - 1 - Math.floor(offset / 8);
    bits[at] = (bits[at] ?? 0) | (1 << (offset % 8));
  }
  return Buffer.from(
    JSON.stringify({
      kind: 'RangeAllocation',
      apiVersion: 'v1',
      metadata: {},
      range,
      data: bits.toString('base64'),
    }),
  );
}
