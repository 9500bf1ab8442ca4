import type { IncomingMessage } from 'node:http';
import { userOfCertificate } from './certificate.ts';
import { unauthorized } from './failures.ts';
import type { Tokens } from './tokens.ts';
import { anonymous, loopback, type User } from './user.ts';

/**
 * Who sent a request: the loopback user on the Unix socket, else whom the bearer token or the client
 * certificate names, else the anonymous user.
 *
 * @throws StatusError Unauthorized for credentials that are no good
 */
export function createAuthenticator(tokens: Tokens, audiences: readonly string[], now: () => Date) {
  return (request: IncomingMessage, trusted: boolean): User => {
    if (trusted) return loopback;
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const [scheme = '', token = ''] = authorization.trim().split(/\s+/);
      if (scheme.toLowerCase() === 'bearer' && token) {
        const user = tokens.verify(token, audiences, now());
        if (user) return user;
      }
      throw unauthorized();
    }
    return userOfCertificate(request) ?? anonymous;
  };
}
