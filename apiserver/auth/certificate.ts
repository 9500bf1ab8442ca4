import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { unauthorized } from './failures.ts';
import { authenticated, type User } from './user.ts';

/** Until when (ms since the epoch) the certificate of a connection is good, and for whom. */
const known = new WeakMap<TLSSocket, { user: User; until: number }>();

/**
 * The user a client certificate names: common name and organizations become user and groups; undefined
 * without a certificate. Upstream: `apiserver/pkg/authentication/request/x509`.
 *
 * @throws StatusError Unauthorized for a certificate of another authority, or out of its time
 */
export function userOfCertificate({ socket }: IncomingMessage): User | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const before = known.get(socket);
  if (before) {
    // A connection may outlive the certificate it began with.
    if (before.until < Date.now()) throw unauthorized();
    return before.user;
  }
  const { subject, valid_to: until } = socket.getPeerCertificate();
  if (!subject) return undefined;
  if (!socket.authorized) throw unauthorized();
  const { CN: name, O: organizations = [] } = subject as { CN?: string | string[]; O?: string | string[] };
  // Which of several names it is would be a guess.
  if (!name || typeof name !== 'string') throw unauthorized();
  const groups = typeof organizations === 'string' ? [organizations] : organizations;
  const user = { name, groups: [...groups, authenticated] };
  known.set(socket, { user, until: Date.parse(until) });
  return user;
}
