import { parseCidr, subnetAt } from '../api/address.ts';
import type { KubeObject } from '../api/object.ts';
import type { Node, NodeSpec, StorageClass } from '../api/types.ts';
import { dnsAddon } from './addons.ts';
import { replacement } from './programs.ts';
import type { ClusterSpec } from './spec.ts';

/** Volumes on the node that uses them first; who names no class has one of this. */
const standardClass: StorageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: {
    name: 'standard',
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  },
  provisioner: 'vethernetes.io/local-path',
  volumeBindingMode: 'WaitForFirstConsumer',
};

/** What a new cluster begins with. Nodes are in the order of the spec, so that the control plane has the first pod CIDR, the first worker the second. */
export function initialObjects(spec: ClusterSpec): KubeObject[] {
  const nodes = spec.nodes.map(
    ({ name, labels, taints }, index): Node => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
      spec: {
        ...(taints.length > 0 ? { taints } : {}),
        ...podNetwork(spec, index),
      },
    }),
  );
  return [...nodes, standardClass, ...(spec.clusterDns.length > 0 ? dnsAddon(spec) : [])];
}

/**
 * Ours give networks in the order in which nodes came; upstream's controller manager, which is told of them later, in
 * any, and leaves what a node has.
 */
function podNetwork(spec: ClusterSpec, index: number): Pick<NodeSpec, 'podCIDR' | 'podCIDRs'> {
  if (replacement(spec, 'kube-controller-manager') === undefined) return {};
  const podCIDRs = spec.podCidrs.map((text) => {
    const cidr = parseCidr(text);
    return subnetAt(cidr, cidr.family === 'IPv4' ? 24 : 64, index);
  });
  return { podCIDR: podCIDRs[0] ?? '', podCIDRs };
}
