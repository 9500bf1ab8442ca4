import type { JobSpec, PodFailurePolicyRule, SuccessPolicyRule } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import {
  duplicate,
  invalid,
  invalidEach,
  nonNegative,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '../validation/field.ts';
import { qualifiedName } from '../validation/names.ts';

const mostRules = 20;
const mostPatterns = 20;
const mostExitCodes = 255;
/** Bytes. */
const longestIndexes = 64 * 1024;

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const statuses = ['False', 'True', 'Unknown'];
const quoted = (words: readonly string[], separator = ' ') =>
  words.map((one) => JSON.stringify(one)).join(separator);

/** Upstream: `validatePodFailurePolicy` in `pkg/apis/batch/validation/validation.go`. */
export function validateFailurePolicy(path: string, spec: JobSpec): FieldError[] {
  const { podFailurePolicy: policy, template } = spec;
  if (!policy) return [];
  const field = `${path}.podFailurePolicy.rules`;
  const { rules = [] } = policy;
  const errors = rules.length > mostRules ? [tooMany(field, rules.length, mostRules)] : [];
  const { containers = [], initContainers = [] } = template?.spec ?? {};
  const names = [...containers, ...initContainers].map(({ name }) => name);
  return [
    ...errors,
    ...rules.flatMap((rule, index) => validateRule(`${field}[${index}]`, rule, spec, names)),
  ];
}

function validateRule(
  field: string,
  { action, onExitCodes, onPodConditions = [] }: PodFailurePolicyRule,
  spec: JobSpec,
  containers: readonly string[],
): FieldError[] {
  const errors: FieldError[] = [];
  if (!action) errors.push(required(`${field}.action`, `valid values: [${quoted(actions)}]`));
  else if (action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined) {
      errors.push(invalid(`${field}.action`, action, 'requires the backoffLimitPerIndex to be set'));
    }
  } else if (!actions.includes(action)) errors.push(notSupported(`${field}.action`, action, actions));
  if (onExitCodes) errors.push(...validateExitCodes(`${field}.onExitCodes`, onExitCodes, containers));
  if (onPodConditions.length > mostPatterns) {
    errors.push(tooMany(`${field}.onPodConditions`, onPodConditions.length, mostPatterns));
  }
  for (const [index, { type, status }] of onPodConditions.entries()) {
    const at = `${field}.onPodConditions[${index}]`;
    errors.push(...invalidEach(`${at}.type`, type, qualifiedName(type)));
    if (!status) errors.push(required(`${at}.status`, `valid values: [${quoted(statuses)}]`));
    else if (!statuses.includes(status)) errors.push(notSupported(`${at}.status`, status, statuses));
  }
  const kinds = Number(onExitCodes !== undefined) + Number(onPodConditions.length > 0);
  if (kinds === 1) return errors;
  const detail =
    kinds === 2
      ? 'specifying both OnExitCodes and OnPodConditions is not supported'
      : 'specifying one of OnExitCodes and OnPodConditions is required';
  return [...errors, { reason: 'FieldValueInvalid', field, message: `Invalid value: ${detail}` }];
}

function validateExitCodes(
  field: string,
  { operator, containerName, values = [] }: NonNullable<PodFailurePolicyRule['onExitCodes']>,
  containers: readonly string[],
): FieldError[] {
  const errors: FieldError[] = [];
  const operators = ['In', 'NotIn'];
  if (!operator) errors.push(required(`${field}.operator`, `valid values: [${quoted(operators)}]`));
  else if (!operators.includes(operator)) errors.push(notSupported(`${field}.operator`, operator, operators));
  if (containerName !== undefined && !containers.includes(containerName)) {
    const detail = 'must be one of the container or initContainer names in the pod template';
    errors.push(invalid(`${field}.containerName`, containerName, detail));
  }
  const at = `${field}.values`;
  if (values.length === 0) errors.push(invalid(at, values, 'at least one value is required'));
  else if (values.length > mostExitCodes) errors.push(tooMany(at, values.length, mostExitCodes));
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0) {
      errors.push(invalid(`${at}[${index}]`, value, 'must not be 0 for the In operator'));
    }
    if (values.indexOf(value) < index) errors.push(duplicate(`${at}[${index}]`, value));
  }
  const isOrdered = values.every((value, index) => index === 0 || (values[index - 1] ?? 0) <= value);
  return isOrdered ? errors : [...errors, invalid(at, values, 'must be ordered')];
}

/** Upstream: `validateSuccessPolicy`. */
export function validateSuccessPolicy(path: string, spec: JobSpec): FieldError[] {
  const { successPolicy: policy, completionMode, completions = 0 } = spec;
  if (!policy) return [];
  const field = `${path}.successPolicy`;
  if (completionMode !== 'Indexed') return [invalid(field, policy, 'requires indexed completion mode')];
  const { rules = [] } = policy;
  const errors: FieldError[] = [];
  if (rules.length === 0) {
    const detail = 'at least one rules must be specified when the successPolicy is specified';
    errors.push(required(`${field}.rules`, detail));
  }
  if (rules.length > mostRules) errors.push(tooMany(`${field}.rules`, rules.length, mostRules));
  return [
    ...errors,
    ...rules.flatMap((rule, index) => validateSuccessRule(`${field}.rules[${index}]`, rule, completions)),
  ];
}

function validateSuccessRule(
  field: string,
  { succeededCount: count, succeededIndexes: indexes }: SuccessPolicyRule,
  completions: number,
): FieldError[] {
  if (count === undefined && indexes === undefined) {
    return [required(field, 'at least one of succeededCount or succeededIndexes must be specified')];
  }
  const errors: FieldError[] = [];
  const parsed = countIndexes(indexes ?? '', completions);
  if (indexes !== undefined) {
    const at = `${field}.succeededIndexes`;
    if (indexes.length > longestIndexes) errors.push(tooLong(at, longestIndexes));
    if (typeof parsed === 'string') {
      errors.push(invalid(at, indexes, `error parsing succeededIndexes: ${parsed}`));
    }
  }
  if (count === undefined) return errors;
  const at = `${field}.succeededCount`;
  errors.push(...nonNegative(at, count));
  if (count > completions) {
    const detail = `must be less than or equal to ${completions} (the number of specified completions)`;
    errors.push(invalid(at, count, detail));
  }
  const total = typeof parsed === 'string' ? 0 : parsed;
  if (indexes !== undefined && count > total) {
    const detail = `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`;
    errors.push(invalid(at, count, detail));
  }
  return errors;
}

/** How many indexes `1,3-5` names, or what is wrong with it. Upstream: `validateIndexesFormat`. */
function countIndexes(text: string, completions: number): number | string {
  let total = 0;
  let last = -1;
  for (const part of text === '' ? [] : text.split(',')) {
    const limits = part.split('-');
    if (limits.length > 2) {
      return `the fragment ${JSON.stringify(part)} violates the requirement that an index interval can have at most two parts separated by '-'`;
    }
    for (const limit of limits) {
      const shown = JSON.stringify(limit);
      if (!/^\d+$/.test(limit)) return `cannot convert string to integer for index: ${shown}`;
      if (Number(limit) >= completions) return `too large index: ${shown}`;
      if (Number(limit) <= last) {
        return `non-increasing order, previous: ${last}, current: ${Number(limit)}`;
      }
      // The first of an interval begins anew, all between it and the second belong to it.
      total += limit === limits[0] ? 1 : Number(limit) - last;
      last = Number(limit);
    }
  }
  return total;
}
