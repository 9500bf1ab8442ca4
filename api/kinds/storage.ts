import type { CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment } from '../types.ts';
import { row } from './row.ts';

const group = 'storage.k8s.io';

/** Kinds of `storage.k8s.io/v1`. */
export const storageKinds = {
  storageclasses: row<StorageClass>({
    group,
    name: 'storageclasses',
    kind: 'StorageClass',
    namespaced: false,
    shortNames: ['sc'],
  }),
  csidrivers: row<CSIDriver>({ group, name: 'csidrivers', kind: 'CSIDriver', namespaced: false }),
  csinodes: row<CSINode>({ group, name: 'csinodes', kind: 'CSINode', namespaced: false }),
  csistoragecapacities: row<CSIStorageCapacity>({
    group,
    name: 'csistoragecapacities',
    kind: 'CSIStorageCapacity',
    namespaced: true,
  }),
  volumeattachments: row<VolumeAttachment>({
    group,
    name: 'volumeattachments',
    kind: 'VolumeAttachment',
    namespaced: false,
    status: true,
  }),
};
