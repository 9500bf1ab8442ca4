import type { BootstrapToken } from './bootstrap-token.ts';
import type { Secret } from './types.ts';

/** Upstream: `cluster-bootstrap/token/api/types.go`. */
export const bootstrapSecretType = 'bootstrap.kubernetes.io/token';
export const bootstrapSecretNamespace = 'kube-system';
/** Where a joining node finds, unauthenticated, the cluster it may trust: a ConfigMap of {@link clusterInfoNamespace}. */
export const clusterInfoName = 'cluster-info';
export const clusterInfoNamespace = 'kube-public';
/** Keys of that ConfigMap: what is signed, and before the token's id what the signature is under. */
export const clusterInfoKey = 'kubeconfig';
export const signaturePrefix = 'jws-kubeconfig-';
/** Everybody with a token is in it. */
export const bootstrappers = 'system:bootstrappers';
/** What kubeadm gives its tokens besides; its rules of approval are about this one. */
export const defaultNodeTokenGroup = 'system:bootstrappers:kubeadm:default-node-token';

/** What a token may be used for: to prove that cluster-info is genuine, to show to the API. */
export type BootstrapUsage = 'signing' | 'authentication';

/** A bootstrap token as it is kept: a Secret `bootstrap-token-ID` of kube-system. */
export interface BootstrapGrant {
  token: BootstrapToken;
  usages: readonly BootstrapUsage[];
  /** Besides {@link bootstrappers}. */
  groups?: readonly string[];
  /** Milliseconds since the epoch; without it the token is good for ever. */
  expires?: number;
  description?: string;
}

const namePrefix = 'bootstrap-token-';
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)$/;

/** `bootstrap-token-ID`. */
export function bootstrapSecretName(id: string): string {
  return `${namePrefix}${id}`;
}

/** The Secret that makes a token known. */
export function bootstrapSecret({
  token,
  usages,
  groups = [],
  expires,
  description,
}: BootstrapGrant): Secret {
  const text: Record<string, string> = {
    'token-id': token.id,
    'token-secret': token.secret,
    ...(description ? { description } : {}),
    // Upstream writes whole seconds.
    ...(expires === undefined ? {} : { expiration: `${new Date(expires).toISOString().slice(0, 19)}Z` }),
    ...Object.fromEntries(usages.map((usage) => [usageKey(usage), 'true'])),
    ...(groups.length > 0 ? { 'auth-extra-groups': groups.join(',') } : {}),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: bootstrapSecretName(token.id), namespace: bootstrapSecretNamespace },
    type: bootstrapSecretType,
    data: Object.fromEntries(
      Object.entries(text).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  };
}

/** Whether a Secret is, by type and place, a bootstrap token's. */
export function isBootstrapSecret({ type, metadata }: Secret): boolean {
  return type === bootstrapSecretType && metadata?.namespace === bootstrapSecretNamespace;
}

/**
 * The grant a Secret holds, or why it holds none, as upstream's `cluster-bootstrap/util/secrets` decides. What has
 * expired is read all the same: see {@link bootstrapExpiry}.
 */
export function readBootstrapSecret(secret: Secret): BootstrapGrant | { refused: string } {
  const value = (key: string) => textOf(secret, key);
  const id = value('token-id');
  const named = secret.metadata?.name ?? '';
  if (!isBootstrapSecret(secret)) {
    return { refused: `is no Secret of type ${bootstrapSecretType} in ${bootstrapSecretNamespace}` };
  }
  if (named !== bootstrapSecretName(id)) {
    return { refused: `has token-id ${JSON.stringify(id)}, which its name does not say` };
  }
  if (!value('token-secret')) return { refused: 'has no token-secret' };
  const groups = value('auth-extra-groups').split(',').filter(Boolean);
  const wrong = groups.find((group) => !isBootstrapGroup(group));
  if (wrong !== undefined) {
    return {
      refused: `bootstrap group ${JSON.stringify(wrong)} is invalid (must match ${groupPattern.source})`,
    };
  }
  const expires = bootstrapExpiry(secret);
  const description = value('description');
  return {
    token: { id, secret: value('token-secret') },
    usages: (['signing', 'authentication'] as const).filter((usage) => value(usageKey(usage)) === 'true'),
    groups: [...new Set(groups)].sort(),
    ...(expires === undefined ? {} : { expires }),
    ...(description ? { description } : {}),
  };
}

/** Milliseconds since the epoch at which a token ends; undefined for never. A time that is none has passed long ago. */
export function bootstrapExpiry(secret: Secret): number | undefined {
  const text = textOf(secret, 'expiration');
  if (!text) return undefined;
  const time = timePattern.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? 0 : time;
}

/** Whether a token may give membership of `group`. */
export function isBootstrapGroup(group: string): boolean {
  return groupPattern.test(group);
}

function usageKey(usage: BootstrapUsage): string {
  return `usage-bootstrap-${usage}`;
}

function textOf({ data = {} }: Secret, key: string): string {
  return Buffer.from(data[key] ?? '', 'base64').toString('utf8');
}
