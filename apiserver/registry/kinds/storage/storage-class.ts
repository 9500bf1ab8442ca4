import { resources } from '../../../../api/scheme.ts';
import type { StorageClass } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { forbidden, invalid, invalidEach, oneOf, required, tooLong } from '../validation/field.ts';
import { qualifiedName } from '../validation/names.ts';
import { isSameValue } from '../validation/same.ts';

/** Marks the class of claims that name none. */
export const defaultClassAnnotation = 'storageclass.kubernetes.io/is-default-class';
const mostParameterBytes = 256 * 1024;

/** Upstream: `pkg/apis/storage/v1/defaults.go`, `pkg/apis/storage/validation/validation.go`. */
export const storageClassStrategy: Strategy<StorageClass> = {
  resource: resources.storageclasses,
  defaults(storageClass) {
    storageClass.reclaimPolicy ||= 'Delete';
    storageClass.volumeBindingMode ||= 'Immediate';
  },
  validate(storageClass, old) {
    const { provisioner, reclaimPolicy, volumeBindingMode, parameters = {} } = storageClass;
    const errors: FieldError[] = [];
    if (!provisioner) errors.push(required('provisioner', provisioner ?? ''));
    else errors.push(...invalidEach('provisioner', provisioner, qualifiedName(provisioner.toLowerCase())));
    const bytes = Object.entries(parameters).reduce(
      (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
      0,
    );
    for (const key of Object.keys(parameters)) {
      if (key === '') errors.push(invalid('parameters', key, 'field can not be empty.'));
    }
    if (bytes > mostParameterBytes) errors.push(tooLong('parameters', mostParameterBytes));
    errors.push(
      ...oneOf('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain']),
      ...oneOf('volumeBindingMode', volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
    );
    return old ? [...errors, ...validateChange(storageClass, old)] : errors;
  },
  columns: [
    {
      ...nameColumn,
      cell: ({ metadata }) =>
        `${metadata?.name ?? ''}${metadata?.annotations?.[defaultClassAnnotation] === 'true' ? ' (default)' : ''}`,
    },
    column('Provisioner', 'Who makes volumes of this class.', ({ provisioner }) => provisioner),
    column(
      'ReclaimPolicy',
      'What becomes of a volume whose claim is gone.',
      ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete',
    ),
    column(
      'VolumeBindingMode',
      'When volumes are made and bound.',
      ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate',
    ),
    column(
      'AllowVolumeExpansion',
      'Whether claims may grow.',
      ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
      'boolean',
    ),
    ageColumn,
  ],
};

function validateChange(storageClass: StorageClass, old: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  if (!isSameValue(storageClass.parameters, old.parameters)) {
    errors.push(forbidden('parameters', 'updates to parameters are forbidden.'));
  }
  if (storageClass.provisioner !== old.provisioner) {
    errors.push(forbidden('provisioner', 'updates to provisioner are forbidden.'));
  }
  if (storageClass.reclaimPolicy !== old.reclaimPolicy) {
    errors.push(forbidden('reclaimPolicy', 'updates to reclaimPolicy are forbidden.'));
  }
  if (storageClass.volumeBindingMode !== old.volumeBindingMode) {
    errors.push(invalid('volumeBindingMode', storageClass.volumeBindingMode, 'field is immutable'));
  }
  return errors;
}
