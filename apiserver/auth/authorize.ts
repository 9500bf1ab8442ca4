import { qualified, type StatusError, statusError } from '../../api/status.ts';
import { isAnonymous, type User } from './user.ts';

/** What is asked for: an object or collection, or a path that is neither. */
export type Attributes =
  | {
      verb: string;
      group: string;
      resource: string;
      subresource?: string;
      namespace?: string;
      name?: string;
    }
  | { verb: string; path: string };

/** Paths that anybody may read. Upstream: the cluster role `system:public-info-viewer`. */
const publicPaths: readonly string[] = ['/healthz', '/livez', '/readyz', '/version', '/version/'];

/** The whole of authorization today: who is authenticated may do everything. */
export function isAllowed(user: User, attributes: Attributes): boolean {
  if (!isAnonymous(user)) return true;
  return 'path' in attributes && attributes.verb === 'get' && publicPaths.includes(attributes.path);
}

/** The refusal in upstream's words (`apiserver/pkg/endpoints/handlers/responsewriters/errors.go`). */
export function forbidden(user: User, attributes: Attributes): StatusError {
  const who = `User ${JSON.stringify(user.name)} cannot ${attributes.verb}`;
  if ('path' in attributes) {
    return statusError('Forbidden', `forbidden: ${who} path ${JSON.stringify(attributes.path)}`, {});
  }
  const { group, resource, subresource, namespace, name } = attributes;
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
  const title = `${qualified(group, resource)}${name ? ` ${JSON.stringify(name)}` : ''}`;
  return statusError(
    'Forbidden',
    `${title} is forbidden: ${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}`,
    { ...(name ? { name } : {}), ...(group ? { group } : {}), kind: resource },
  );
}
