import type {
  ComponentStatus,
  LimitRange,
  PersistentVolume,
  PersistentVolumeClaim,
  PodTemplate,
  ReplicationController,
  ResourceQuota,
} from '../types.ts';
import { row } from './row.ts';

const group = '';

/** Kinds of the core group that the project's own components have little to do with. */
export const coreKinds = {
  replicationcontrollers: row<ReplicationController>({
    group,
    name: 'replicationcontrollers',
    kind: 'ReplicationController',
    namespaced: true,
    shortNames: ['rc'],
    categories: ['all'],
    status: true,
    scale: true,
  }),
  podtemplates: row<PodTemplate>({ group, name: 'podtemplates', kind: 'PodTemplate', namespaced: true }),
  persistentvolumes: row<PersistentVolume>({
    group,
    name: 'persistentvolumes',
    kind: 'PersistentVolume',
    namespaced: false,
    shortNames: ['pv'],
    status: true,
  }),
  persistentvolumeclaims: row<PersistentVolumeClaim>({
    group,
    name: 'persistentvolumeclaims',
    kind: 'PersistentVolumeClaim',
    namespaced: true,
    shortNames: ['pvc'],
    status: true,
  }),
  limitranges: row<LimitRange>({
    group,
    name: 'limitranges',
    kind: 'LimitRange',
    namespaced: true,
    shortNames: ['limits'],
  }),
  resourcequotas: row<ResourceQuota>({
    group,
    name: 'resourcequotas',
    kind: 'ResourceQuota',
    namespaced: true,
    shortNames: ['quota'],
    status: true,
  }),
  componentstatuses: row<ComponentStatus>({
    group,
    name: 'componentstatuses',
    kind: 'ComponentStatus',
    namespaced: false,
    shortNames: ['cs'],
    readOnly: true,
    deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  }),
};
