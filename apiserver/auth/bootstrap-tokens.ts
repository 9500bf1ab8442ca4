import { timingSafeEqual } from 'node:crypto';
import {
  bootstrappers,
  bootstrapSecretName,
  bootstrapSecretNamespace,
  readBootstrapSecret,
} from '../../api/bootstrap-secret.ts';
import { readBootstrapToken } from '../../api/bootstrap-token.ts';
import { resources } from '../../api/scheme.ts';
import type { Secret } from '../../api/types.ts';
import type { Lookup } from '../registry/strategy.ts';
import type { Tokens } from './tokens.ts';
import { authenticated, type User } from './user.ts';

/**
 * Besides `tokens`, takes bootstrap tokens: who shows `ID.SECRET` of a Secret `bootstrap-token-ID` of kube-system is
 * `system:bootstrap:ID`, while that lives and says so. Upstream: `plugin/pkg/auth/authenticator/token/bootstrap`.
 */
export function withBootstrapTokens(tokens: Tokens, lookup: Lookup): Tokens {
  return {
    issue: (options) => tokens.issue(options),
    verify: (token, audiences, now) =>
      tokens.verify(token, audiences, now) ?? bootstrapUser(lookup, token, now),
  };
}

/** Undefined for a token that is none, is unknown, has expired or is not for authentication. */
function bootstrapUser(lookup: Lookup, text: string, now: Date): User | undefined {
  const token = readBootstrapToken(text);
  if (!token) return undefined;
  const name = bootstrapSecretName(token.id);
  const secret = lookup.get<Secret>(resources.secrets, name, bootstrapSecretNamespace);
  if (!secret || secret.metadata?.deletionTimestamp) return undefined;
  const grant = readBootstrapSecret(secret);
  if ('refused' in grant || !isSame(grant.token.secret, token.secret)) return undefined;
  if (grant.expires !== undefined && grant.expires <= now.getTime()) return undefined;
  if (!grant.usages.includes('authentication')) return undefined;
  return {
    name: `system:bootstrap:${token.id}`,
    groups: [bootstrappers, ...(grant.groups ?? []), authenticated],
  };
}

/** In a time that tells nothing of where they differ. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
