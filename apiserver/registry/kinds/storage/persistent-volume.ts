import { resources } from '../../../../api/scheme.ts';
import type { PersistentVolume, PersistentVolumeSpec } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn, wide } from '../../../table/columns/common.ts';
import { timestamp } from '../../pipeline/metadata.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { forbidden, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { dnsSubdomain } from '../validation/names.ts';
import { validatePositive, validateQuantity } from '../validation/quantities.ts';
import { isSameValue } from '../validation/same.ts';
import { formatAccessModes, validateAccessModes, validateVolumeMode } from './access-modes.ts';

/** Keeps a volume that is in use. Upstream: `pkg/volume/util` `PVProtectionFinalizer`. */
const protection = 'kubernetes.io/pv-protection';
const reclaimPolicies = ['Delete', 'Recycle', 'Retain'];

/** What of a spec is not the volume itself. */
const general: readonly string[] = [
  ...['accessModes', 'capacity', 'claimRef', 'mountOptions', 'nodeAffinity'],
  ...['persistentVolumeReclaimPolicy', 'storageClassName', 'volumeAttributesClassName', 'volumeMode'],
];

/** Upstream: `ValidatePersistentVolume` in `pkg/apis/core/validation/validation.go`, admission `StorageObjectInUseProtection`. */
export const persistentVolumeStrategy: Strategy<PersistentVolume> = {
  resource: resources.persistentvolumes,
  defaults(volume) {
    const { spec } = volume;
    volume.status ??= {};
    volume.status.phase ||= 'Pending';
    if (!spec) return;
    spec.persistentVolumeReclaimPolicy ||= 'Retain';
    spec.volumeMode ||= 'Filesystem';
    if (spec.hostPath) spec.hostPath.type ??= '';
  },
  prepare(volume, old, { now }) {
    if (old) {
      if (old.status) volume.status = old.status;
      return;
    }
    volume.status = { phase: 'Pending', lastPhaseTransitionTime: timestamp(now) };
    const finalizers = volume.metadata?.finalizers ?? [];
    if (!finalizers.includes(protection)) {
      volume.metadata = { ...volume.metadata, finalizers: [...finalizers, protection] };
    }
  },
  prepareStatus({ status }, old, { now }) {
    if (status && status.phase !== old.status?.phase) status.lastPhaseTransitionTime ??= timestamp(now);
  },
  validate({ spec = {} }, old) {
    const errors = validateSpec(spec);
    return old ? [...errors, ...validateChange(spec, old.spec ?? {})] : errors;
  },
  selectableFields: () => ({}),
  columns: [
    nameColumn,
    column('Capacity', 'How much it holds.', ({ spec }) => spec?.capacity?.storage ?? '0'),
    column('Access Modes', 'How it may be mounted.', ({ spec }) => formatAccessModes(spec?.accessModes)),
    column(
      'Reclaim Policy',
      'What becomes of it without its claim.',
      ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? '',
    ),
    column('Status', 'Whether it is bound.', ({ metadata, status }) =>
      metadata?.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    ),
    column('Claim', 'Who has it.', ({ spec }) =>
      spec?.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : '',
    ),
    column('StorageClass', 'Its class.', ({ spec }) => spec?.storageClassName ?? ''),
    column(
      'VolumeAttributesClass',
      'The class of its attributes.',
      ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>',
    ),
    column('Reason', 'Why it failed.', ({ status }) => status?.reason ?? ''),
    ageColumn,
    wide('VolumeMode', 'Block or Filesystem.', ({ spec }) => spec?.volumeMode ?? '<unset>'),
  ],
};

/** The names of the volume types that a spec has: one, where it is right. */
function sourcesOf(spec: PersistentVolumeSpec): string[] {
  return Object.keys(spec).filter((field) => !general.includes(field));
}

function validateSpec(spec: PersistentVolumeSpec): FieldError[] {
  const { capacity = {}, hostPath, local, nodeAffinity, persistentVolumeReclaimPolicy: policy } = spec;
  const errors = validateAccessModes(spec.accessModes);
  const names = Object.keys(capacity);
  if (names.length === 0) errors.push(required('spec.capacity'));
  if (!('storage' in capacity) || names.length > 1) {
    errors.push(notSupported('spec.capacity', capacity, ['storage']));
  }
  for (const [name, quantity] of Object.entries(capacity)) {
    const field = `spec.capacity[${name}]`;
    errors.push(...validateQuantity(field, quantity), ...validatePositive(field, quantity));
  }
  if (policy && !reclaimPolicies.includes(policy)) {
    errors.push(notSupported('spec.persistentVolumeReclaimPolicy', policy, reclaimPolicies));
  }
  if (nodeAffinity && !nodeAffinity.required) {
    errors.push(required('spec.nodeAffinity.required', 'must specify required node constraints'));
  }
  const [first, ...others] = sourcesOf(spec);
  if (!first) errors.push(required('spec', 'must specify a volume type'));
  for (const other of others) {
    errors.push(forbidden(`spec.${other}`, 'may not specify more than 1 volume type'));
  }
  if (hostPath) errors.push(...validatePath('spec.hostPath.path', hostPath.path));
  if (local) {
    errors.push(...validatePath('spec.local.path', local.path));
    if (!nodeAffinity) errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  }
  if (hostPath?.path.replaceAll(/\/+/g, '/') === '/' && policy === 'Recycle') {
    errors.push(
      forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"),
    );
  }
  const { storageClassName: name } = spec;
  if (name) errors.push(...invalidEach('spec.storageClassName', name, dnsSubdomain(name)));
  return [...errors, ...validateVolumeMode(spec.volumeMode)];
}

function validatePath(field: string, path: string | undefined): FieldError[] {
  if (!path) return [required(field)];
  return path.split('/').includes('..') ? [invalid(field, path, "must not contain '..'")] : [];
}

function validateChange(spec: PersistentVolumeSpec, before: PersistentVolumeSpec): FieldError[] {
  const source = (of: PersistentVolumeSpec) =>
    Object.fromEntries(Object.entries(of).filter(([field]) => !general.includes(field)));
  const errors: FieldError[] = [];
  if (!isSameValue(source(spec), source(before))) {
    const detail = 'spec.persistentvolumesource is immutable after creation';
    errors.push(forbidden('spec.persistentvolumesource', detail));
  }
  if (spec.volumeMode !== before.volumeMode) {
    errors.push(invalid('volumeMode', spec.volumeMode, 'field is immutable'));
  }
  if (before.nodeAffinity && !isSameValue(spec.nodeAffinity, before.nodeAffinity)) {
    errors.push(invalid('nodeAffinity', spec.nodeAffinity, 'field is immutable'));
  }
  return errors;
}
