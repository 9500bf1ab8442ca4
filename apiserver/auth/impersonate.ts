import type { IncomingMessage } from 'node:http';
import { statusError } from '../../api/status.ts';
import type { ResourceAttributes } from './attributes.ts';
import { type Authorize, forbidden } from './authorize.ts';
import { anonymous, authenticated, type User } from './user.ts';

const prefix = 'impersonate-';
const extraPrefix = 'impersonate-extra-';

/**
 * Whom a request is made as: who sent it, or whom its `Impersonate-*` headers name, which takes the right to
 * `impersonate` each of user, groups, UID and extra values. The headers are taken off, so that no backend sees them.
 * Upstream: `apiserver/pkg/endpoints/filters/impersonation.go`.
 *
 * @throws StatusError Forbidden, or InternalError for groups and the like without a user
 */
export function actingUser(request: IncomingMessage, user: User, authorize: Authorize): User {
  let asked = false;
  for (const name in request.headers) asked ||= name.startsWith(prefix);
  return asked ? impersonated(request, user, authorize) : user;
}

function impersonated(request: IncomingMessage, by: User, authorize: Authorize): User {
  const headers = Object.entries(request.headersDistinct).filter(([name]) => name.startsWith(prefix));
  for (const [name] of headers) delete request.headers[name];
  const values = new Map(headers.map(([name, list]) => [name, list ?? []]));
  const [name = ''] = values.get('impersonate-user') ?? [];
  const [uid] = values.get('impersonate-uid') ?? [];
  const groups = [...(values.get('impersonate-group') ?? [])];
  const extra = Object.fromEntries(
    [...values]
      .filter(([header]) => header.startsWith(extraPrefix))
      .map(([header, list]) => [decode(header.slice(extraPrefix.length)), list]),
  );
  if (!name) {
    const asked = headers.map(([header, list]) => `${header}: ${list?.join(', ')}`).join('; ');
    throw statusError(
      'InternalError',
      `Internal error occurred: requested [${asked}] without impersonating a user name`,
    );
  }
  const may = (attributes: Omit<ResourceAttributes, 'verb'>) => {
    const wanted = { verb: 'impersonate', ...attributes };
    const { allowed, reason } = authorize(by, wanted);
    if (!allowed) throw forbidden(by, wanted, reason);
  };
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  const [, namespace = '', accountName = ''] = account ?? [];
  if (account) may({ group: '', resource: 'serviceaccounts', namespace, name: accountName });
  else may({ group: '', resource: 'users', name });
  for (const group of groups) may({ group: '', resource: 'groups', name: group });
  for (const [key, list] of Object.entries(extra)) {
    for (const value of list)
      may({ group: authenticationGroup, resource: 'userextras', subresource: key, name: value });
  }
  if (uid) may({ group: authenticationGroup, resource: 'uids', name: uid });

  if (account && groups.length === 0)
    groups.push('system:serviceaccounts', `system:serviceaccounts:${namespace}`);
  const [unauthenticated = ''] = anonymous.groups;
  const own = name === anonymous.name ? unauthenticated : authenticated;
  // Whoever says that somebody is not authenticated is believed.
  if (!groups.includes(own) && !groups.includes(unauthenticated)) groups.push(own);
  return {
    name,
    groups,
    ...(uid ? { uid } : {}),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
}

const authenticationGroup = 'authentication.k8s.io';

function decode(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    // A key that is not percent-encoded is one as it stands, upstream too.
    return key;
  }
}
