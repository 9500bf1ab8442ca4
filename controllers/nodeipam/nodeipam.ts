import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Node } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { untilSeen } from '../seen.ts';
import { createCidrSet } from './cidr-set.ts';

/** Gives each node a podCIDR from every cluster CIDR. Upstream: `pkg/controller/nodeipam/ipam/range_allocator.go`. */
export const startNodeIpamController: Controller = ({
  client,
  informers,
  reconciler,
  recorder,
  settings,
  report,
}) => {
  if (settings.clusterCidrs.length === 0) return;
  const sets = settings.clusterCidrs.map((cidr) =>
    createCidrSet(cidr, cidr.includes(':') ? settings.nodeCidrMaskSizeIpv6 : settings.nodeCidrMaskSize),
  );
  const events = recorder('cidrAllocator');
  // One at a time: nodes get their ranges in the order in which they came.
  const queue = reconciler('nodeipam', reconcile, 1);

  informers.nodes.onChange(({ type, key, object, old }) => {
    if (type === 'deleted') forEachCidr(object, (set, cidr) => set.release(cidr));
    else if (old && old.metadata?.uid !== object.metadata?.uid) {
      forEachCidr(old, (set, cidr) => set.release(cidr));
      occupy(object);
    } else if (!old || podCidrs(old).length === 0) occupy(object);
    queue.enqueue(key);
  });
  const nodes = [...informers.nodes.store.values()].sort(byAge);
  for (const node of nodes) occupy(node);
  for (const node of nodes) queue.enqueue(node.metadata?.name ?? '');

  function occupy(node: Node): void {
    forEachCidr(node, (set, cidr) => set.occupy(cidr));
  }

  /** A node's ranges, in the order of the cluster's; one from outside is reported and left alone. */
  function forEachCidr(node: Node, use: (set: (typeof sets)[number], cidr: string) => void): void {
    for (const cidr of podCidrs(node)) {
      const set = sets.find(({ family }) => (family === 'IPv6') === cidr.includes(':'));
      try {
        if (set) use(set, cidr);
      } catch (error) {
        report('nodeipam', error);
      }
    }
  }

  async function reconcile(name: string): Promise<void> {
    const node = informers.nodes.store.get(name);
    if (!node || node.metadata?.deletionTimestamp || podCidrs(node).length > 0) return;
    const taken: [(typeof sets)[number], string][] = [];
    try {
      for (const set of sets) taken.push([set, set.allocate()]);
      const podCIDRs = taken.map(([, cidr]) => cidr);
      const patched = await client.patch(resources.nodes, { name }, 'merge', {
        metadata: { uid: node.metadata?.uid },
        spec: { podCIDR: podCIDRs[0], podCIDRs },
      });
      await untilSeen(informers.nodes, patched);
    } catch (error) {
      for (const [set, cidr] of taken) set.release(cidr);
      if (hasReason(error, 'NotFound')) return;
      if (taken.length < sets.length)
        events.event(node, 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`);
      throw error;
    }
  }
};

function podCidrs({ spec }: Node): string[] {
  return spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : []);
}

/** Timestamps have whole seconds; nodes made in the same one go by name, worker2 before worker10. */
function byAge(a: Node, b: Node): number {
  const age = ({ metadata: { creationTimestamp, name = '' } = {} }: Node) =>
    `${creationTimestamp ?? ''}/${name.replace(/\d+/g, (digits) => digits.padStart(9, '0'))}`;
  return age(a) < age(b) ? -1 : 1;
}
