import type { KubeObject } from '../api/object.ts';
import type { Node, StorageClass } from '../api/types.ts';
import { dnsAddon } from './addons.ts';
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
    ({ name, labels, taints }): Node => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
      ...(taints.length > 0 ? { spec: { taints } } : {}),
    }),
  );
  return [...nodes, standardClass, ...(spec.clusterDns.length > 0 ? dnsAddon(spec) : [])];
}
