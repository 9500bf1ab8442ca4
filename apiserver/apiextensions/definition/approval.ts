import type { CustomResourceDefinition } from '../../../api/types.ts';
import { invalid, required } from '../../registry/kinds/validation/field.ts';
import type { FieldError } from '../../registry/strategy.ts';

const annotation = 'api-approved.kubernetes.io';

/**
 * Groups of the Kubernetes community need the address of a review. Upstream: `pkg/apihelpers/helpers.go`,
 * `validateAPIApproval`. What did not change is not looked at again.
 */
export function approvalErrors(
  { spec, metadata }: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const group = spec.group ?? '';
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(group)) return [];
  const value = metadata?.annotations?.[annotation];
  const state = stateOf(value);
  if (state === 'approved') return [];
  if (old && stateOf(old.metadata?.annotations?.[annotation]) === state) return [];
  const field = `metadata.annotations[${annotation}]`;
  const review = 'https://github.com/kubernetes/enhancements/pull/1111';
  if (state === 'missing')
    return [required(field, `protected groups must have approval annotation "${annotation}", see ${review}`)];
  const text = `protected groups must have approval annotation "${annotation}" with either a URL or a reason starting with "unapproved", see ${review}`;
  return [invalid(field, value, text)];
}

function stateOf(value: string | undefined): 'approved' | 'missing' | 'invalid' {
  if (!value) return 'missing';
  if (value.startsWith('unapproved')) return 'approved';
  return URL.canParse(value) && new URL(value).host ? 'approved' : 'invalid';
}
