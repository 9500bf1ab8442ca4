import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomUUID,
  sign,
  verify,
} from 'node:crypto';
import { resources } from '../../api/scheme.ts';
import type { Pod, ServiceAccount } from '../../api/types.ts';
import type { Lookup } from '../registry/strategy.ts';
import { isLegacy, legacyOwner } from './legacy-tokens.ts';
import { authenticated, type User } from './user.ts';

export interface ServiceAccountKeys {
  /** PEM, EC P-256. */
  privateKey: string;
  publicKey: string;
  issuer: string;
}

/** What a token is bound to; with it the token's life ends. */
export interface BoundObject {
  kind: 'Pod' | 'Node' | 'Secret';
  name: string;
  uid: string;
}

export interface IssueOptions {
  serviceAccount: ServiceAccount;
  audiences: readonly string[];
  expirationSeconds: number;
  bound?: BoundObject;
  now: Date;
}

/** Service account tokens: JSON Web Tokens signed with ES256 (RFC 7519, RFC 7518; KEP-1205). */
export interface Tokens {
  issue(options: IssueOptions): string;
  /** The user a token stands for, or undefined when it is not, or no longer, good for `audiences`. */
  verify(token: string, audiences: readonly string[], now: Date): User | undefined;
}

interface Claims {
  aud: string[];
  exp: number;
  iat: number;
  iss: string;
  jti: string;
  nbf: number;
  sub: string;
  'kubernetes.io': {
    namespace: string;
    serviceaccount: { name: string; uid: string };
    pod?: { name: string; uid: string };
    node?: { name: string; uid: string };
    secret?: { name: string; uid: string };
  };
}

/** By which a token names the key that signed it. Upstream: `keyIDFromPublicKey` of `pkg/serviceaccount/jwt.go`. */
export function keyIdOf(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

export function createTokens(keys: ServiceAccountKeys, lookup: Lookup): Tokens {
  const privateKey = createPrivateKey(keys.privateKey);
  const publicKey = createPublicKey(keys.publicKey);
  const header = encode({ alg: 'ES256', kid: keyIdOf(publicKey) });
  const dsaEncoding = 'ieee-p1363' as const;

  /** Undefined when the text is no token of ours; throws on broken JSON or encoding. */
  function claimsOf(token: string): Claims | undefined {
    const [head = '', body = '', signature = '', ...rest] = token.split('.');
    if (rest.length > 0 || !signature) return undefined;
    const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg?: string };
    if (alg !== 'ES256') return undefined;
    const genuine = verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key: publicKey, dsaEncoding },
      Buffer.from(signature, 'base64url'),
    );
    return genuine ? (JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims) : undefined;
  }

  return {
    issue({ serviceAccount, audiences, expirationSeconds, bound, now }) {
      const { name = '', namespace = '', uid = '' } = serviceAccount.metadata ?? {};
      const seconds = Math.floor(now.getTime() / 1000);
      const claims: Claims = {
        aud: [...audiences],
        exp: seconds + expirationSeconds,
        iat: seconds,
        iss: keys.issuer,
        jti: randomUUID(),
        'kubernetes.io': {
          namespace,
          ...(bound ? { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } } : {}),
          serviceaccount: { name, uid },
        },
        nbf: seconds,
        sub: `system:serviceaccount:${namespace}:${name}`,
      };
      const content = `${header}.${encode(claims)}`;
      const signature = sign('sha256', Buffer.from(content), { key: privateKey, dsaEncoding });
      return `${content}.${signature.toString('base64url')}`;
    },
    verify(token, audiences, now) {
      let claims: Claims | undefined;
      try {
        claims = claimsOf(token);
      } catch {
        // Not base64url or not JSON, whoever made it: as bad as a wrong signature.
        return undefined;
      }
      if (claims && isLegacy(claims))
        return audiences.includes(keys.issuer) ? legacyOwner({ ...claims }, token, lookup) : undefined;
      if (!claims || claims.iss !== keys.issuer) return undefined;
      const seconds = now.getTime() / 1000;
      if (seconds >= claims.exp || seconds < claims.nbf) return undefined;
      if (!claims.aud.some((audience) => audiences.includes(audience))) return undefined;
      return ownerOf(claims, lookup);
    },
  };
}

/** The service account, when it and what the token is bound to are still the same objects. */
function ownerOf({ sub, jti, 'kubernetes.io': of }: Claims, lookup: Lookup): User | undefined {
  const { namespace, serviceaccount, pod } = of;
  const account = lookup.get<ServiceAccount>(resources.serviceaccounts, serviceaccount.name, namespace);
  if (account?.metadata?.uid !== serviceaccount.uid) return undefined;
  if (pod && lookup.get<Pod>(resources.pods, pod.name, namespace)?.metadata?.uid !== pod.uid)
    return undefined;
  return {
    name: sub,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, authenticated],
    extra: {
      'authentication.kubernetes.io/credential-id': [`JTI=${jti}`],
      ...(pod
        ? {
            'authentication.kubernetes.io/pod-name': [pod.name],
            'authentication.kubernetes.io/pod-uid': [pod.uid],
          }
        : {}),
    },
  };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
