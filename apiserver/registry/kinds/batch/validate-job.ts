import { matchesLabelSelector } from '../../../../api/object.ts';
import type { Job, JobSpec, PodFailurePolicyRule } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { validatePodSpec } from '../pod/validate-spec.ts';
import { invalid, nonNegative, notSupported, required } from '../validation/field.ts';
import { validateLabels } from '../validation/metadata.ts';
import { isSameValue } from '../validation/same.ts';
import { validateSelector } from '../validation/selectors.ts';

/** An Indexed Job may have so many pods at once and in all: their indexes are listed in its status. */
const mostIndexed = 100_000;

/** Upstream: `ValidateJobSpec` in `pkg/apis/batch/validation/validation.go`; `whole`: of a Job, not of a CronJob's template. */
export function validateJobSpec(path: string, spec: JobSpec | undefined, whole: boolean): FieldError[] {
  if (!spec) return [required(`${path}.template`)];
  const errors = (
    [
      'parallelism',
      'completions',
      'activeDeadlineSeconds',
      'backoffLimit',
      'ttlSecondsAfterFinished',
      'backoffLimitPerIndex',
      'maxFailedIndexes',
    ] as const
  ).flatMap((name) => nonNegative(`${path}.${name}`, spec[name]));
  if (whole) errors.push(...validateOwnSelector(path, spec));
  errors.push(...validateMode(path, spec), ...validateFailurePolicy(path, spec));
  const template = `${path}.template`;
  const { metadata, spec: pod = { containers: [] } } = spec.template ?? {};
  errors.push(
    ...validateLabels(`${template}.labels`, metadata?.labels),
    ...validatePodSpec(`${template}.spec`, pod),
  );
  if (pod.restartPolicy !== 'OnFailure' && pod.restartPolicy !== 'Never') {
    errors.push(required(`${template}.spec.restartPolicy`, 'valid values: "OnFailure", "Never"'));
  }
  return errors;
}

function validateOwnSelector(path: string, { selector, template }: JobSpec): FieldError[] {
  if (!selector) return [required(`${path}.selector`)];
  const { metadata } = template ?? {};
  if (matchesLabelSelector(selector, metadata?.labels)) {
    return validateSelector(`${path}.selector`, selector);
  }
  const detail = '`selector` does not match template `labels`';
  return [invalid(`${path}.template.metadata.labels`, metadata?.labels, detail)];
}

function validateMode(path: string, spec: JobSpec): FieldError[] {
  const { completionMode, completions, parallelism = 1, podReplacementPolicy } = spec;
  const errors: FieldError[] = [];
  if (completionMode === 'Indexed') {
    if (completions === undefined) {
      errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
    }
    if (parallelism > mostIndexed) {
      const detail = `must be less than or equal to ${mostIndexed} when completion mode is Indexed`;
      errors.push(invalid(`${path}.parallelism`, parallelism, detail));
    }
  } else if (completionMode && completionMode !== 'NonIndexed') {
    errors.push(notSupported(`${path}.completionMode`, completionMode, ['NonIndexed', 'Indexed']));
  }
  if (spec.backoffLimitPerIndex !== undefined && completionMode !== 'Indexed') {
    const detail = 'requires indexed completion mode';
    errors.push(invalid(`${path}.backoffLimitPerIndex`, spec.backoffLimitPerIndex, detail));
  }
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  const policies = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  if (podReplacementPolicy && !policies.includes(podReplacementPolicy)) {
    errors.push(notSupported(`${path}.podReplacementPolicy`, podReplacementPolicy, policies));
  }
  return errors;
}

function validateFailurePolicy(path: string, spec: JobSpec): FieldError[] {
  if (!spec.podFailurePolicy) return [];
  const errors = spec.podFailurePolicy.rules.flatMap((rule, index) =>
    validateRule(`${path}.podFailurePolicy.rules[${index}]`, rule, spec),
  );
  const { restartPolicy } = spec.template?.spec ?? {};
  if (restartPolicy === 'Never') return errors;
  const detail = 'only "Never" is supported when podFailurePolicy is specified';
  return [...errors, invalid(`${path}.template.spec.restartPolicy`, restartPolicy, detail)];
}

function validateRule(field: string, rule: PodFailurePolicyRule, spec: JobSpec): FieldError[] {
  const { action, onExitCodes, onPodConditions } = rule;
  const errors: FieldError[] = [];
  const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
  if (!action)
    errors.push(
      required(`${field}.action`, `valid values: ${actions.map((one) => JSON.stringify(one)).join(', ')}`),
    );
  else if (!actions.includes(action)) errors.push(notSupported(`${field}.action`, action, actions));
  else if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    errors.push(invalid(`${field}.action`, action, 'requires the backoffLimitPerIndex to be set'));
  }
  if (onExitCodes && onPodConditions?.length) {
    errors.push(invalid(field, field, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (!onExitCodes && !onPodConditions?.length) {
    errors.push(invalid(field, field, 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  if (onExitCodes) {
    const { operator, values } = onExitCodes;
    if (operator !== 'In' && operator !== 'NotIn') {
      errors.push(notSupported(`${field}.onExitCodes.operator`, operator, ['In', 'NotIn']));
    }
    if (!values?.length) {
      errors.push(invalid(`${field}.onExitCodes.values`, values, 'at least one value is required'));
    }
    if (operator === 'In' && values?.includes(0)) {
      const index = values.indexOf(0);
      errors.push(invalid(`${field}.onExitCodes.values[${index}]`, 0, 'must not be 0 for the In operator'));
    }
  }
  return errors;
}

/** What of a Job may not change. Upstream: `ValidateJobSpecUpdate`. */
export function validateJobChange(job: Job, old: Job): FieldError[] {
  const { spec, status } = old;
  const errors: FieldError[] = [];
  const immutable = (name: keyof JobSpec) => {
    if (!isSameValue(job.spec?.[name], spec?.[name])) {
      errors.push(invalid(`spec.${name}`, job.spec?.[name], 'field is immutable'));
    }
  };
  const { completions, parallelism, completionMode } = job.spec ?? {};
  if (completionMode !== 'Indexed') immutable('completions');
  else if (completions !== spec?.completions && completions !== parallelism) {
    const detail = 'can only be modified in tandem with spec.parallelism';
    errors.push(invalid('spec.completions', completions, detail));
  }
  immutable('selector');
  // A Job that has not begun may still be sent elsewhere.
  if (!(spec?.suspend && status?.startTime === undefined)) immutable('template');
  for (const name of ['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex'] as const) immutable(name);
  return errors;
}
