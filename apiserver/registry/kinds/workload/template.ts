import { matchesLabelSelector } from '../../../../api/object.ts';
import type { LabelSelector, PodTemplateSpec } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { setPodSpecDefaults } from '../pod/defaults.ts';
import { validatePodSpec } from '../pod/validate-spec.ts';
import { forbidden, invalid, nonNegative, notSupported, required } from '../validation/field.ts';
import { validateLabels } from '../validation/metadata.ts';
import { isSameValue } from '../validation/same.ts';
import { isEmptySelector, validateSelector } from '../validation/selectors.ts';

/** The part of a spec that the kinds which keep pods running have in common. */
interface WorkloadSpec {
  replicas?: number;
  minReadySeconds?: number;
  selector?: LabelSelector;
  template?: PodTemplateSpec;
}

export function setTemplateDefaults(template: PodTemplateSpec | undefined): void {
  if (template?.spec) setPodSpecDefaults(template.spec);
}

/** Upstream: `ValidateReplicaSetSpec` and its kin in `pkg/apis/apps/validation/validation.go`. */
export function validateWorkload(
  kind: 'Deployment' | 'ReplicaSet' | 'StatefulSet' | 'DaemonSet',
  spec: WorkloadSpec,
  before: WorkloadSpec | undefined,
): FieldError[] {
  const { selector } = spec;
  const errors = [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
  ];
  if (!selector) errors.push(required('spec.selector'));
  else {
    errors.push(...validateSelector('spec.selector', selector));
    if (isEmptySelector(selector)) {
      const name = kind === 'ReplicaSet' ? 'deployment' : kind.toLowerCase();
      errors.push(invalid('spec.selector', selector, `empty selector is invalid for ${name}`));
    }
  }
  errors.push(...validateTemplate(kind, spec));
  // A StatefulSet says it of its whole spec.
  if (before && kind !== 'StatefulSet' && !isSameValue(selector, before.selector)) {
    errors.push(invalid('spec.selector', selector, 'field is immutable'));
  }
  return errors;
}

function validateTemplate(kind: string, { selector, template = {} }: WorkloadSpec): FieldError[] {
  const path = 'spec.template';
  const { metadata, spec = { containers: [] } } = template;
  const errors: FieldError[] = [];
  const matches = matchesLabelSelector(selector, metadata?.labels);
  if (!matches && !(selector && isEmptySelector(selector))) {
    const detail = '`selector` does not match template `labels`';
    errors.push(invalid(`${path}.metadata.labels`, metadata?.labels, detail));
  }
  errors.push(
    ...validateLabels(`${path}.labels`, metadata?.labels),
    ...validatePodSpec(`${path}.spec`, spec),
  );
  const { restartPolicy, activeDeadlineSeconds } = spec;
  if (restartPolicy && restartPolicy !== 'Always') {
    errors.push(notSupported(`${path}.spec.restartPolicy`, restartPolicy, ['Always']));
  }
  if (activeDeadlineSeconds !== undefined) {
    const detail = `activeDeadlineSeconds in ${kind === 'Deployment' ? 'ReplicaSet' : kind} is not Supported`;
    errors.push(forbidden(`${path}.spec.activeDeadlineSeconds`, detail));
  }
  return errors;
}
