import { statusError } from '../../api/status.ts';
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '../../api/types.ts';
import type { Attributes } from '../auth/attributes.ts';
import type { Authorizer } from '../auth/authorize.ts';
import { joined } from '../auth/rbac/rbac.ts';
import type { User } from '../auth/user.ts';
import { invalid } from '../registry/kinds/validation/field.ts';
import { invalid as invalidObject } from '../registry/pipeline/failures.ts';
import type { FieldError } from '../registry/strategy.ts';

/** Questions about rights. Upstream: `pkg/registry/authorization`. */

type AccessSpec = Pick<SubjectAccessReviewSpec, 'resourceAttributes' | 'nonResourceAttributes'>;

export function selfAccess(
  { spec }: SelfSubjectAccessReview,
  user: User,
  { authorize }: Authorizer,
): { status: object } {
  refuse('SelfSubjectAccessReview', validate(spec));
  return { status: decide(spec, user, authorize) };
}

export function subjectAccess({ spec }: SubjectAccessReview, { authorize }: Authorizer): { status: object } {
  refuse('SubjectAccessReview', [...validate(spec), ...validateUser(spec)]);
  return { status: decide(spec, userOf(spec), authorize) };
}

/** Of one namespace, so that its administrator may ask. */
export function localAccess(
  { metadata, spec }: LocalSubjectAccessReview,
  namespace: string,
  { authorize }: Authorizer,
): { status: object } {
  const errors = [...validate(spec), ...validateUser(spec)];
  const { resourceAttributes: asked, nonResourceAttributes: path } = spec ?? {};
  const own = metadata?.namespace ?? '';
  if (asked && (asked.namespace ?? '') !== own) {
    const field = 'spec.resourceAttributes.namespace';
    errors.push(invalid(field, asked.namespace ?? '', 'must match metadata.namespace'));
  }
  if (path) errors.push(invalid('spec.nonResourceAttributes', path, 'disallowed on this kind of request'));
  refuse('LocalSubjectAccessReview', errors);
  if (own !== namespace) {
    throw statusError('BadRequest', `spec.resourceAttributes.namespace must match namespace: ${namespace}`);
  }
  return { status: decide(spec, userOf(spec), authorize) };
}

export function selfRules(
  { spec }: SelfSubjectRulesReview,
  user: User,
  { rulesFor }: Authorizer,
): { status: object } {
  if (!spec?.namespace) throw statusError('BadRequest', 'no namespace on request');
  const { rules, errors, incomplete } = rulesFor(user, spec.namespace);
  return {
    status: {
      resourceRules: rules
        .filter(({ resources }) => resources?.length)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({
          verbs,
          apiGroups: apiGroups ?? [],
          resources,
          ...(resourceNames ? { resourceNames } : {}),
        })),
      nonResourceRules: rules
        .filter(({ nonResourceURLs }) => nonResourceURLs?.length)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete,
      ...(errors.length > 0 ? { evaluationError: joined(errors) } : {}),
    },
  };
}

function validate(spec: AccessSpec | undefined): FieldError[] {
  const { resourceAttributes: asked, nonResourceAttributes: path } = spec ?? {};
  if (asked && path) {
    const detail = 'cannot be specified in combination with resourceAttributes';
    return [invalid('spec.nonResourceAttributes', path, detail)];
  }
  if (asked || path) return [];
  const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [invalid('spec.resourceAttributes', undefined, detail)];
}

function validateUser(spec: SubjectAccessReviewSpec | undefined): FieldError[] {
  if (spec?.user || spec?.groups?.length) return [];
  return [invalid('spec.user', '', 'at least one of user or group must be specified')];
}

function refuse(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject({ ...named, kind }, '', errors);
}

const named = {
  group: 'authorization.k8s.io',
  version: 'v1',
  name: '',
  singular: '',
  type: '',
  namespaced: false,
};

function userOf({ user = '', groups = [], uid, extra }: SubjectAccessReviewSpec): User {
  return { name: user, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
}

function decide(spec: AccessSpec, user: User, authorize: Authorizer['authorize']): object {
  const { resourceAttributes: asked, nonResourceAttributes: path } = spec;
  const attributes: Attributes = path
    ? { verb: path.verb ?? '', path: path.path ?? '' }
    : {
        verb: asked?.verb ?? '',
        group: asked?.group ?? '',
        resource: asked?.resource ?? '',
        ...(asked?.subresource ? { subresource: asked.subresource } : {}),
        ...(asked?.namespace ? { namespace: asked.namespace } : {}),
        ...(asked?.name ? { name: asked.name } : {}),
      };
  const { allowed, reason } = authorize(user, attributes);
  return { allowed, ...(reason ? { reason } : {}) };
}
