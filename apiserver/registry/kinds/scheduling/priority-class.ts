import { resources } from '../../../../api/scheme.ts';
import type { PriorityClass } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import { forbidden as refused } from '../../pipeline/failures.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { forbidden, invalid, notSupported } from '../validation/field.ts';

/** What a user's class may have at most. Upstream: `HighestUserDefinablePriority`. */
const mostOfUsers = 1_000_000_000;

/** Every cluster has these. Upstream: `pkg/apis/scheduling/v1/helpers.go`. */
export const systemPriorityClasses: readonly PriorityClass[] = [
  {
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
    preemptionPolicy: 'PreemptLowerPriority',
  },
  {
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
    preemptionPolicy: 'PreemptLowerPriority',
  },
];

/** Upstream: `ValidatePriorityClass`, admission `Priority`. */
export const priorityClassStrategy: Strategy<PriorityClass> = {
  resource: resources.priorityclasses,
  defaults(priorityClass) {
    priorityClass.preemptionPolicy ||= 'PreemptLowerPriority';
  },
  prepare({ metadata, globalDefault }, old, { lookup }) {
    if (!globalDefault || old?.globalDefault) return;
    const name = metadata?.name ?? '';
    for (const other of lookup.list(resources.priorityclasses)) {
      if (!other.globalDefault || other.metadata?.name === name) continue;
      const why = `PriorityClass ${other.metadata?.name} is already marked as default. Only one default can exist`;
      throw refused(resources.priorityclasses, name, why);
    }
  },
  validate(priorityClass, old) {
    const { value = 0, preemptionPolicy } = priorityClass;
    const errors = old ? [] : validateName(priorityClass);
    const policies = ['Never', 'PreemptLowerPriority'];
    if (preemptionPolicy && !policies.includes(preemptionPolicy)) {
      errors.push(notSupported('preemptionPolicy', preemptionPolicy, policies));
    }
    if (!old) return errors;
    if (value !== old.value) errors.push(forbidden('Value', 'may not be changed in an update.'));
    if (preemptionPolicy !== old.preemptionPolicy) {
      errors.push(invalid('preemptionPolicy', preemptionPolicy, 'field is immutable'));
    }
    return errors;
  },
  columns: [
    nameColumn,
    column('Value', 'How important pods of this class are.', ({ value }) => value ?? 0, 'integer'),
    column(
      'Global-Default',
      'Whether pods have it that name none.',
      ({ globalDefault }) => globalDefault ?? false,
      'boolean',
    ),
    ageColumn,
    column(
      'PreemptionPolicy',
      'Whether others must go for them.',
      ({ preemptionPolicy }) => preemptionPolicy ?? '',
    ),
  ],
};

function validateName({ metadata, value = 0 }: PriorityClass): FieldError[] {
  const name = metadata?.name ?? '';
  if (name.startsWith('system-')) {
    if (systemPriorityClasses.some((one) => one.metadata?.name === name && one.value === value)) return [];
    const detail =
      "priority class names with 'system-' prefix are reserved for system use only. error: " +
      `${name} is not a known system priority class`;
    return [forbidden('metadata.name', detail)];
  }
  if (value <= mostOfUsers) return [];
  const detail = `maximum allowed value of a user defined priority is ${mostOfUsers}`;
  return [forbidden('value', detail)];
}
