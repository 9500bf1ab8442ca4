import { quantityValue } from '../../../../api/quantity.ts';
import { resources } from '../../../../api/scheme.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn, wide } from '../../../table/columns/common.ts';
import type { FieldError, Strategy, WriteContext } from '../../strategy.ts';
import { admitByLimits } from '../quota/admit-limits.ts';
import { forbidden, invalid, invalidEach, required } from '../validation/field.ts';
import { dnsSubdomain } from '../validation/names.ts';
import { validatePositive } from '../validation/quantities.ts';
import { isSameValue } from '../validation/same.ts';
import { validateSelector } from '../validation/selectors.ts';
import { formatAccessModes, validateAccessModes, validateVolumeMode } from './access-modes.ts';
import { defaultClassAnnotation } from './storage-class.ts';

/** Keeps a claim that pods use. Upstream: `pkg/volume/util` `PVCProtectionFinalizer`. */
const protection = 'kubernetes.io/pvc-protection';
/** Where a claim named its class before it had a field for it. */
const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** Upstream: `ValidatePersistentVolumeClaim`, admission `DefaultStorageClass`, `StorageObjectInUseProtection`, `LimitRanger`. */
export const persistentVolumeClaimStrategy: Strategy<PersistentVolumeClaim> = {
  resource: resources.persistentvolumeclaims,
  defaults(claim) {
    claim.status ??= {};
    claim.status.phase ||= 'Pending';
    if (claim.spec) claim.spec.volumeMode ||= 'Filesystem';
  },
  prepare(claim, old, context) {
    if (old) {
      if (old.status) claim.status = old.status;
      if (!old.metadata?.deletionTimestamp)
        admitByLimits(claim.metadata?.namespace ?? '', { claim }, context);
      return;
    }
    claim.status = { phase: 'Pending' };
    const finalizers = claim.metadata?.finalizers ?? [];
    if (!finalizers.includes(protection)) {
      claim.metadata = { ...claim.metadata, finalizers: [...finalizers, protection] };
    }
    setDefaultClass(claim, context);
    admitByLimits(claim.metadata?.namespace ?? '', { claim }, context);
  },
  validate({ spec = {}, status }, old) {
    const errors = validateSpec(spec);
    return old
      ? [...errors, ...validateChange(spec, old.spec ?? {}, old.status?.phase ?? status?.phase)]
      : errors;
  },
  columns: [
    nameColumn,
    column('Status', 'Whether it is bound.', ({ metadata, status }) =>
      metadata?.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    ),
    column('Volume', 'The volume it has.', ({ spec }) => spec?.volumeName ?? ''),
    column('Capacity', 'How much that holds.', ({ spec, status }) =>
      spec?.volumeName ? (status?.capacity?.storage ?? '0') : '',
    ),
    column('Access Modes', 'How it may be mounted.', ({ spec, status }) =>
      spec?.volumeName ? formatAccessModes(status?.accessModes) : '',
    ),
    column('StorageClass', 'Its class.', classOf),
    column(
      'VolumeAttributesClass',
      'The class of its attributes.',
      ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>',
    ),
    ageColumn,
    wide('VolumeMode', 'Block or Filesystem.', ({ spec }) => spec?.volumeMode ?? '<unset>'),
  ],
};

function classOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata?.annotations?.[classAnnotation] ?? spec?.storageClassName ?? '';
}

/** The newest of the default classes. Upstream: `plugin/pkg/admission/storage/storageclass/setdefault`. */
function setDefaultClass({ metadata, spec }: PersistentVolumeClaim, { lookup }: WriteContext): void {
  if (!spec || spec.storageClassName !== undefined || metadata?.annotations?.[classAnnotation]) return;
  const age = (of: { metadata?: { creationTimestamp?: string } }) => of.metadata?.creationTimestamp ?? '';
  const [newest] = [...lookup.list(resources.storageclasses)]
    .filter((one) => one.metadata?.annotations?.[defaultClassAnnotation] === 'true')
    .sort((a, b) => (age(a) > age(b) ? -1 : 1));
  if (newest?.metadata?.name) spec.storageClassName = newest.metadata.name;
}

function validateSpec(spec: PersistentVolumeClaimSpec): FieldError[] {
  const { storageClassName: name, dataSource } = spec;
  const errors = [
    ...validateAccessModes(spec.accessModes, 'at least 1 access mode is required'),
    ...validateSelector('spec.selector', spec.selector),
  ];
  const field = 'spec.resources[storage]';
  const storage = spec.resources?.requests?.storage;
  if (storage === undefined) errors.push(required(field));
  else errors.push(...validatePositive(field, storage));
  if (name) errors.push(...invalidEach('spec.storageClassName', name, dnsSubdomain(name)));
  errors.push(...validateVolumeMode(spec.volumeMode));
  if (dataSource) {
    if (!dataSource.name) errors.push(required('spec.dataSource.name'));
    if (!dataSource.kind) errors.push(required('spec.dataSource.kind'));
    if (!dataSource.apiGroup && dataSource.kind !== 'PersistentVolumeClaim') {
      errors.push(invalid('spec.dataSource', dataSource.kind));
    }
  }
  return errors;
}

/** A claim may be given its volume, and once bound may ask for more, nothing else. */
function validateChange(
  spec: PersistentVolumeClaimSpec,
  before: PersistentVolumeClaimSpec,
  phase: string | undefined,
): FieldError[] {
  const fixed = ({ volumeName, resources: wanted, ...rest }: PersistentVolumeClaimSpec) => ({
    ...rest,
    volumeName: before.volumeName ? volumeName : undefined,
    storageClassName: before.storageClassName === undefined ? undefined : rest.storageClassName,
    volumeAttributesClassName: undefined,
    resources: {
      ...wanted,
      requests: { ...wanted?.requests, storage: phase === 'Bound' ? '' : (wanted?.requests?.storage ?? '') },
    },
  });
  if (!isSameValue(fixed(spec), fixed(before))) {
    const detail =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    return [forbidden('spec', detail)];
  }
  const sizes = [spec, before].map((one) => quantityValue(one.resources?.requests?.storage ?? '0'));
  const [size = 0, old = 0] = sizes;
  return size < old
    ? [forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')]
    : [];
}
