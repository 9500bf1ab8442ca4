import { matchesLabelSelector } from '../../../../api/object.ts';
import type { Job, JobSpec } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { validatePodSpec } from '../pod/validate-spec.ts';
import { invalid, invalidEach, nonNegative, notSupported, required, tooLong } from '../validation/field.ts';
import { validateLabels } from '../validation/metadata.ts';
import { domainPrefixedPath } from '../validation/names.ts';
import { isSameValue } from '../validation/same.ts';
import { validateSelector } from '../validation/selectors.ts';
import { validateFailurePolicy, validateSuccessPolicy } from './validate-policies.ts';

/** An Indexed Job may have so many pods at once and in all: their indexes are listed in its status. */
const mostIndexed = 100_000;
/** The same of one that has more than these in all, each with retries of its own. */
const mostOfMany = 10_000;

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
  errors.push(
    ...validateManagedBy(path, spec),
    ...validateMode(path, spec),
    ...validateFailurePolicy(path, spec),
    ...validateSuccessPolicy(path, spec),
  );
  const template = `${path}.template`;
  const { metadata, spec: pod = { containers: [] } } = spec.template ?? {};
  errors.push(
    ...validateLabels(`${template}.labels`, metadata?.labels),
    ...validatePodSpec(`${template}.spec`, pod),
  );
  return [...errors, ...validateRestartPolicy(`${template}.spec.restartPolicy`, spec)];
}

function validateRestartPolicy(field: string, { template, podFailurePolicy }: JobSpec): FieldError[] {
  const { restartPolicy = '' } = template?.spec ?? {};
  if (restartPolicy === 'Always' || restartPolicy === '') {
    return [required(field, 'valid values: "OnFailure", "Never"')];
  }
  if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never') {
    return [notSupported(field, restartPolicy, ['OnFailure', 'Never'])];
  }
  if (!podFailurePolicy || restartPolicy === 'Never') return [];
  return [invalid(field, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified')];
}

function validateManagedBy(path: string, { managedBy }: JobSpec): FieldError[] {
  if (managedBy === undefined) return [];
  const field = `${path}.managedBy`;
  const errors = invalidEach(field, managedBy, domainPrefixedPath(managedBy));
  return managedBy.length > 63 ? [...errors, tooLong(field, 63)] : errors;
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
  const { completionMode, podReplacementPolicy } = spec;
  const errors: FieldError[] = [];
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  if (completionMode === 'Indexed') errors.push(...validateIndexed(path, spec));
  else {
    if (completionMode && completionMode !== 'NonIndexed') {
      errors.push(notSupported(`${path}.completionMode`, completionMode, ['Indexed', 'NonIndexed']));
    }
    for (const name of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
      if (spec[name] === undefined) continue;
      errors.push(invalid(`${path}.${name}`, spec[name], 'requires indexed completion mode'));
    }
  }
  const policies = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  if (podReplacementPolicy && !policies.includes(podReplacementPolicy)) {
    errors.push(notSupported(`${path}.podReplacementPolicy`, podReplacementPolicy, policies));
  }
  return errors;
}

function validateIndexed(path: string, spec: JobSpec): FieldError[] {
  const { completions, parallelism = 1, maxFailedIndexes: failed, backoffLimitPerIndex } = spec;
  const errors: FieldError[] = [];
  const atMost = (name: 'parallelism' | 'maxFailedIndexes', most: number | string, when = '') => {
    const detail = `must be less than or equal to ${most}${when}`;
    errors.push(invalid(`${path}.${name}`, spec[name], detail));
  };
  if (completions === undefined) {
    errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  }
  if (parallelism > mostIndexed) atMost('parallelism', mostIndexed, ' when completion mode is Indexed');
  if (failed !== undefined && completions !== undefined && failed > completions) {
    atMost('maxFailedIndexes', 'completions');
  }
  if (failed !== undefined && failed > mostIndexed) atMost('maxFailedIndexes', mostIndexed);
  if ((completions ?? 0) <= mostIndexed || backoffLimitPerIndex === undefined) return errors;
  const when = ` when completions are above ${mostIndexed} and used with backoff limit per index`;
  if (failed === undefined) {
    const detail = `must be specified when completions is above ${mostIndexed}`;
    errors.push(required(`${path}.maxFailedIndexes`, detail));
  }
  if (parallelism > mostOfMany) atMost('parallelism', mostOfMany, when);
  if (failed !== undefined && failed > mostOfMany) atMost('maxFailedIndexes', mostOfMany, when);
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
  const template = spec?.suspend && status?.startTime === undefined ? elsewhere(job, old) : spec?.template;
  if (!isSameValue(job.spec?.template, template)) {
    errors.push(invalid('spec.template', job.spec?.template, 'field is immutable'));
  }
  const others = ['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'];
  for (const name of others) immutable(name as keyof JobSpec);
  return errors;
}

/** The old template with what says where its pods run from the new one: a Job that has not begun may be sent elsewhere. */
function elsewhere(job: Job, old: Job): JobSpec['template'] | undefined {
  const template = structuredClone(old.spec?.template);
  const { metadata, spec } = job.spec?.template ?? {};
  if (!template?.spec || !spec) return template;
  const { nodeAffinity } = spec.affinity ?? {};
  const { nodeAffinity: _, ...others } = template.spec.affinity ?? {};
  const { affinity: __, nodeSelector, tolerations, schedulingGates, ...kept } = template.spec;
  const affinity = { ...others, ...(nodeAffinity ? { nodeAffinity } : {}) };
  return {
    metadata: {
      ...template.metadata,
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      ...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
    },
    spec: {
      ...kept,
      ...(Object.keys(affinity).length > 0 ? { affinity } : {}),
      ...(spec.nodeSelector ? { nodeSelector: spec.nodeSelector } : {}),
      ...(spec.tolerations ? { tolerations: spec.tolerations } : {}),
      ...(spec.schedulingGates ? { schedulingGates: spec.schedulingGates } : {}),
    },
  };
}
