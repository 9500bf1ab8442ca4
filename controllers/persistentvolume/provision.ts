import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/types.ts';

/** Who makes volumes: a folder on the node where they are used first. */
export const provisioner = 'vethernetes.io/local-path';

/** Folder on a node that the volumes made there are in. */
const folder = '/var/lib/vethernetes/volumes';

/** The volume that a claim gets, on a node, where it stays. */
export function localVolume(
  claim: PersistentVolumeClaim,
  { metadata, reclaimPolicy, mountOptions }: StorageClass,
  node: string,
): PersistentVolume {
  const { name = '', namespace = '', uid = '' } = claim.metadata ?? {};
  const storage = claim.spec?.resources?.requests?.storage ?? '0';
  const storageClassName = metadata?.name ?? '';
  const hostname = { key: 'kubernetes.io/hostname', operator: 'In', values: [node] };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: `pvc-${uid}`,
      annotations: { 'pv.kubernetes.io/provisioned-by': provisioner },
    },
    spec: {
      capacity: { storage },
      accessModes: claim.spec?.accessModes ?? [],
      storageClassName,
      persistentVolumeReclaimPolicy: reclaimPolicy ?? 'Delete',
      ...(claim.spec?.volumeMode ? { volumeMode: claim.spec.volumeMode } : {}),
      ...(mountOptions ? { mountOptions } : {}),
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [hostname] }] } },
      hostPath: { path: `${folder}/pvc-${uid}_${namespace}_${name}`, type: 'DirectoryOrCreate' },
    },
  };
}
