import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { unauthorized } from './failures.ts';
import { authenticated, type User } from './user.ts';

const known = new WeakMap<TLSSocket, User>();

/**
 * The user a client certificate names: common name and organizations become user and groups; undefined
 * without a certificate. Upstream: `apiserver/pkg/authentication/request/x509`.
 *
 * @throws StatusError Unauthorized for a certificate of another authority, or out of its time
 */
export function userOfCertificate({ socket }: IncomingMessage): User | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const before = known.get(socket);
  if (before) return before;
  const { subject } = socket.getPeerCertificate();
  if (!subject) return undefined;
  if (!socket.authorized) throw unauthorized();
  const { CN: name, O: organizations = [] } = subject as { CN?: string; O?: string | string[] };
  if (!name) throw unauthorized();
  const groups = typeof organizations === 'string' ? [organizations] : organizations;
  const user = { name, groups: [...groups, authenticated] };
  known.set(socket, user);
  return user;
}
