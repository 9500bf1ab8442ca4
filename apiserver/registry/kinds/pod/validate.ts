import type { Pod, PodSpec } from '../../../../api/types.ts';
import type { FieldError, WriteContext } from '../../strategy.ts';
import { forbidden, invalid } from '../validation/field.ts';
import { isSameValue } from '../validation/same.ts';
import { validateEphemeralContainers } from './ephemeral.ts';
import { validateResize } from './resize.ts';
import { validatePodSpec } from './validate-spec.ts';

/** Upstream: `ValidatePodCreate` and `ValidatePodUpdate` in `pkg/apis/core/validation/validation.go`. */
export function validatePod(
  pod: Pod,
  old: Pod | undefined,
  context?: Pick<WriteContext, 'subresource'>,
): FieldError[] {
  const spec = pod.spec ?? { containers: [] };
  if (!old?.spec) {
    const early = spec.ephemeralContainers
      ? [forbidden('spec.ephemeralContainers', 'cannot be set on create')]
      : [];
    return [...early, ...validatePodSpec('spec', spec)];
  }
  if (context?.subresource === 'ephemeralcontainers') return validateEphemeralContainers(pod, old);
  if (context?.subresource === 'resize') return validateResize(pod, old);
  if (isSameValue(spec, old.spec)) return [];
  return [...validatePodSpec('spec', spec), ...validateChange(spec, old.spec)];
}

const unchangeable =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

function validateChange(spec: PodSpec, before: PodSpec): FieldError[] {
  for (const field of ['containers', 'initContainers'] as const) {
    if ((spec[field]?.length ?? 0) !== (before[field]?.length ?? 0)) {
      return [forbidden(`spec.${field}`, 'pod updates may not add or remove containers')];
    }
  }
  const errors = validateDeadline(spec, before);
  const had = before.tolerations ?? [];
  const lost = had.some((one) => !spec.tolerations?.some((other) => isSameToleration(one, other)));
  if (lost) {
    errors.push(
      forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'),
    );
  }
  return isSameValue(fixedPart(spec, before), fixedPart(before, before))
    ? errors
    : [...errors, forbidden('spec', unchangeable)];
}

function validateDeadline(spec: PodSpec, before: PodSpec): FieldError[] {
  const field = 'spec.activeDeadlineSeconds';
  const { activeDeadlineSeconds: now } = spec;
  const { activeDeadlineSeconds: then } = before;
  if (now === undefined) {
    return then === undefined
      ? []
      : [invalid(field, null, 'must not update from a positive integer to nil value')];
  }
  if (now < 0 || now > 2 ** 31 - 1) {
    return [invalid(field, now, 'must be between 0 and 2147483647, inclusive')];
  }
  return then !== undefined && then < now
    ? [invalid(field, now, 'must be less than or equal to previous value')]
    : [];
}

/** The spec with everything that may change taken from `before`. */
function fixedPart(spec: PodSpec, before: PodSpec): unknown {
  const images = (field: 'containers' | 'initContainers') =>
    spec[field]?.map((container, index) => ({ ...container, image: before[field]?.[index]?.image }));
  const { terminationGracePeriodSeconds: grace } = spec;
  const shortened = (before.terminationGracePeriodSeconds ?? 0) < 0 && grace === 1;
  return {
    ...spec,
    containers: images('containers'),
    initContainers: images('initContainers'),
    activeDeadlineSeconds: undefined,
    tolerations: undefined,
    schedulingGates: undefined,
    terminationGracePeriodSeconds: shortened ? before.terminationGracePeriodSeconds : grace,
  };
}

function isSameToleration(a: object, b: object): boolean {
  return isSameValue({ ...a, tolerationSeconds: undefined }, { ...b, tolerationSeconds: undefined });
}
