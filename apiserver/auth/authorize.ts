import { qualified, type StatusError, statusError } from '../../api/status.ts';
import type { Attributes } from './attributes.ts';
import type { Rbac, RuleSet } from './rbac/rbac.ts';
import { masters, type User } from './user.ts';

/** An authorizer's answer. Not allowed is no refusal: the next one is asked. */
export interface Decision {
  allowed: boolean;
  /** Why (not), in upstream's words; often empty. */
  reason: string;
}

export type Authorize = (user: User, attributes: Attributes) => Decision;

/** Who may do what. Upstream: `--authorization-mode=Node,RBAC`. */
export interface Authorizer {
  authorize: Authorize;
  /** All rules of a user in a namespace; without one, those that hold everywhere. */
  rulesFor(user: User, namespace: string | undefined): RuleSet;
}

const superuser: Decision = { allowed: true, reason: '' };

/** `system:masters` may do everything, nodes what is theirs, and everybody what RBAC gives them. */
export function createAuthorizer(node: NodeAuthorizer, rbac: Rbac): Authorizer {
  return {
    authorize(user, attributes) {
      if (user.groups.includes(masters)) return superuser;
      const first = node.authorize(user, attributes);
      if (first.allowed) return first;
      const second = rbac.authorize(user, attributes);
      if (second.allowed || !first.reason) return second;
      return { allowed: false, reason: [first.reason, second.reason].filter(Boolean).join('\n') };
    },
    rulesFor(user, namespace) {
      const rules = rbac.rulesFor(user, namespace);
      if (!node.isNode(user)) return rules;
      // What a node may read depends on its pods.
      const errors = ['node authorizer does not support user rule resolution', ...rules.errors];
      return { ...rules, errors, incomplete: true };
    },
  };
}

/** The part of `auth/node/` that {@link createAuthorizer} needs. */
export interface NodeAuthorizer {
  authorize: Authorize;
  isNode(user: User): boolean;
}

/** The refusal in upstream's words (`apiserver/pkg/endpoints/handlers/responsewriters/errors.go`). */
export function forbidden(user: User, attributes: Attributes, reason = ''): StatusError {
  const who = `User ${JSON.stringify(user.name)} cannot ${attributes.verb}`;
  const why = reason ? `: ${reason}` : '';
  if ('path' in attributes) {
    return statusError('Forbidden', `forbidden: ${who} path ${JSON.stringify(attributes.path)}${why}`, {});
  }
  const { group, resource, subresource, namespace, name } = attributes;
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
  const title = `${qualified(group, resource)}${name ? ` ${JSON.stringify(name)}` : ''}`;
  return statusError(
    'Forbidden',
    `${title} is forbidden: ${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}${why}`,
    { ...(name ? { name } : {}), ...(group ? { group } : {}), kind: resource },
  );
}
