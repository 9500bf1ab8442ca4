import { resources } from '../../api/scheme.ts';
import type { Lookup } from '../registry/strategy.ts';
import { authenticated, type User } from './user.ts';

const issuer = 'kubernetes/serviceaccount';
const claim = (name: string) => `kubernetes.io/serviceaccount/${name}`;

/** Whether a token is of the kind that lasts as long as the Secret it is in. */
export const isLegacy = ({ iss }: { iss?: unknown }): boolean => iss === issuer;

/**
 * The user of such a token, as token controllers before 1.24 put it into a Secret of each service account, and later ones
 * into a Secret that is made for it: while the Secret holds it, and the account is the same. Its signature was verified
 * before. Upstream: `pkg/serviceaccount/legacy.go`.
 */
export function legacyOwner(
  claims: Readonly<Record<string, unknown>>,
  token: string,
  lookup: Lookup,
): User | undefined {
  const texts = ['namespace', 'secret.name', 'service-account.name', 'service-account.uid'].map((name) =>
    String(claims[claim(name)] ?? ''),
  );
  const [namespace = '', secretName = '', name = '', uid = ''] = texts;
  const user = `system:serviceaccount:${namespace}:${name}`;
  if (texts.includes('') || claims.sub !== user) return undefined;
  const secret = lookup.get(resources.secrets, secretName, namespace);
  const account = lookup.get(resources.serviceaccounts, name, namespace);
  const held = Buffer.from(secret?.data?.token ?? '', 'base64').toString();
  if (held !== token || secret?.metadata?.deletionTimestamp) return undefined;
  if (account?.metadata?.uid !== uid || account.metadata.deletionTimestamp) return undefined;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, authenticated];
  return { name: user, uid, groups, extra: {} };
}
