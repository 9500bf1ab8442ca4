import { resources } from '../../../../api/scheme.ts';
import type { CSIDriver, CSINode, CSIStorageCapacity } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { duplicate, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { dnsSubdomain } from '../validation/names.ts';
import { validateQuantity } from '../validation/quantities.ts';
import { isSameValue } from '../validation/same.ts';

const lifecycleModes = ['Persistent', 'Ephemeral'];

/** Upstream: `ValidateCSIDriver` in `pkg/apis/storage/validation/validation.go`. */
export const csiDriverStrategy: Strategy<CSIDriver> = {
  resource: resources.csidrivers,
  defaults({ spec }) {
    if (!spec) return;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ||= 'ReadWriteOnceWithFSType';
    spec.volumeLifecycleModes ??= ['Persistent'];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  validate({ spec }, old) {
    const errors: FieldError[] = [];
    for (const [index, mode] of (spec?.volumeLifecycleModes ?? []).entries()) {
      if (lifecycleModes.includes(mode)) continue;
      errors.push(notSupported(`spec.volumeLifecycleModes[${index}]`, mode, lifecycleModes));
    }
    if (old && spec.attachRequired !== old.spec.attachRequired) {
      errors.push(invalid('spec.attachedRequired', spec.attachRequired, 'field is immutable'));
    }
    if (old && !isSameValue(spec.volumeLifecycleModes, old.spec.volumeLifecycleModes)) {
      errors.push(invalid('spec.volumeLifecycleModes', spec.volumeLifecycleModes, 'field is immutable'));
    }
    return errors;
  },
  columns: [
    nameColumn,
    column(
      'AttachRequired',
      'Whether volumes are attached.',
      ({ spec }) => spec.attachRequired ?? true,
      'boolean',
    ),
    column(
      'PodInfoOnMount',
      'Whether it is told of pods.',
      ({ spec }) => spec.podInfoOnMount ?? false,
      'boolean',
    ),
    column('StorageCapacity', 'Whether it tells what is left.', ({ spec }) => spec.storageCapacity ?? false),
    column(
      'TokenRequests',
      'Whose tokens it is given.',
      ({ spec }) =>
        (spec.tokenRequests ?? []).map(({ audience }) => audience || '<none>').join(',') || '<unset>',
    ),
    column('RequiresRepublish', 'Whether it is told again.', ({ spec }) => spec.requiresRepublish ?? false),
    column(
      'Modes',
      'Which volumes it has.',
      ({ spec }) => (spec.volumeLifecycleModes ?? []).join(',') || '<none>',
    ),
    ageColumn,
  ],
};

/** Upstream: `ValidateCSINode`. */
export const csiNodeStrategy: Strategy<CSINode> = {
  resource: resources.csinodes,
  validate({ spec }) {
    const names = new Set<string>();
    return (spec?.drivers ?? []).flatMap(({ name, nodeID, allocatable }, index) => {
      const field = `spec.drivers[${index}]`;
      const errors = name
        ? invalidEach(`${field}.name`, name, dnsSubdomain(name.toLowerCase()))
        : [required(`${field}.name`)];
      if (!nodeID) errors.push(required(`${field}.nodeID`));
      if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
      names.add(name);
      if ((allocatable?.count ?? 0) < 0) {
        errors.push(
          invalid(`${field}.allocatable.count`, allocatable?.count, 'must be greater than or equal to 0'),
        );
      }
      return errors;
    });
  },
  columns: [
    nameColumn,
    column('Drivers', 'How many drivers it has.', ({ spec }) => spec?.drivers?.length ?? 0, 'integer'),
    ageColumn,
  ],
};

/** Upstream: `ValidateCSIStorageCapacity`. */
export const csiStorageCapacityStrategy: Strategy<CSIStorageCapacity> = {
  resource: resources.csistoragecapacities,
  validate({ storageClassName, capacity, nodeTopology }, old) {
    const errors = storageClassName
      ? invalidEach('storageClassName', storageClassName, dnsSubdomain(storageClassName))
      : [required('storageClassName')];
    if (capacity !== undefined) errors.push(...validateQuantity('capacity', capacity));
    if (!old) return errors;
    if (!isSameValue(nodeTopology, old.nodeTopology)) {
      errors.push(invalid('nodeTopology', nodeTopology, 'field is immutable'));
    }
    if (storageClassName !== old.storageClassName) {
      errors.push(invalid('storageClassName', storageClassName, 'field is immutable'));
    }
    return errors;
  },
  columns: [
    nameColumn,
    column('StorageClassName', 'The class it is said of.', ({ storageClassName }) => storageClassName),
    column('Capacity', 'What is left.', ({ capacity }) => capacity ?? '<unset>'),
    ageColumn,
  ],
};
