import { randomBytes } from 'node:crypto';
import { resources } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import type { AuthenticationTokenRequest, Secret, ServiceAccount } from '../api/types.ts';
import type { Controller } from './context.ts';
import { isNamespaceEnding } from './events.ts';

const tokenType = 'kubernetes.io/service-account-token';
const accountName = 'kubernetes.io/service-account.name';
const accountUid = 'kubernetes.io/service-account.uid';

/** The longest that the API gives a token: 136 years. The tokens of these Secrets have no end. */
const longestSeconds = 2 ** 32;

/**
 * Fills Secrets of type `kubernetes.io/service-account-token` with a token that is good while they exist, and deletes them
 * with their ServiceAccount. As before Kubernetes 1.24, it makes one for each ServiceAccount where `settings.legacyTokens`
 * says so. Upstream: `pkg/controller/serviceaccount/tokens_controller.go`.
 */
export const startServiceAccountTokensController: Controller = ({
  client,
  informers,
  reconciler,
  settings,
}) => {
  const { secrets, serviceaccounts } = informers;
  const queue = reconciler('serviceaccount-tokens', reconcileSecret);
  const accounts = settings.legacyTokens
    ? reconciler('serviceaccount-token-references', reconcileAccount)
    : undefined;

  secrets.onChange(({ key, type, object }) => {
    if (object.type !== tokenType) return;
    if (type !== 'deleted') queue.enqueue(key);
    else accounts?.enqueue(`${object.metadata?.namespace}/${object.metadata?.annotations?.[accountName]}`);
  });
  serviceaccounts.onChange(({ key, type, object }) => {
    accounts?.enqueue(key);
    if (type === 'deleted') for (const secret of tokensOf(object)) queue.enqueue(keyOfSecret(secret));
  });
  for (const [key, { type }] of secrets.store) if (type === tokenType) queue.enqueue(key);
  if (accounts) for (const key of serviceaccounts.store.keys()) accounts.enqueue(key);

  function tokensOf({ metadata }: ServiceAccount): Secret[] {
    return [...secrets.store.values()].filter(
      (secret) =>
        secret.type === tokenType &&
        secret.metadata?.namespace === metadata?.namespace &&
        secret.metadata?.annotations?.[accountName] === metadata?.name,
    );
  }

  async function reconcileSecret(key: string): Promise<void> {
    const secret = secrets.store.get(key);
    if (!secret || secret.metadata?.deletionTimestamp) return;
    const { name = '', namespace = '', annotations = {} } = secret.metadata ?? {};
    const account = await accountOf(namespace, annotations[accountName] ?? '');
    const uid = annotations[accountUid];
    if (!account || (uid && uid !== account.metadata?.uid)) {
      await client.delete(resources.secrets, { name, namespace }).catch((error: unknown) => {
        if (!hasReason(error, 'NotFound')) throw error;
      });
      return;
    }
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const ca = settings.caPem === undefined ? undefined : base64(settings.caPem);
    const { data = {} } = secret;
    if (uid && data.token && data.namespace && (ca === undefined || data['ca.crt'] === ca)) return;
    const token = data.token ?? base64(await tokenFor(account, secret));
    await client.update(resources.secrets, {
      ...secret,
      metadata: {
        ...secret.metadata,
        annotations: { ...annotations, [accountUid]: account.metadata?.uid ?? '' },
      },
      data: { ...data, token, namespace: base64(namespace), ...(ca === undefined ? {} : { 'ca.crt': ca }) },
    });
  }

  /** The cache may be behind: nothing is deleted on a guess. */
  async function accountOf(namespace: string, name: string): Promise<ServiceAccount | undefined> {
    const known = serviceaccounts.store.get(`${namespace}/${name}`);
    if (known || name === '') return known;
    try {
      return await client.get(resources.serviceaccounts, { name, namespace });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
      return undefined;
    }
  }

  async function tokenFor({ metadata }: ServiceAccount, secret: Secret): Promise<string> {
    const { name, namespace } = metadata ?? {};
    const { name: secretName = '', uid = '' } = secret.metadata ?? {};
    const boundObjectRef = { apiVersion: 'v1', kind: 'Secret', name: secretName, uid };
    const asked: AuthenticationTokenRequest = {
      spec: { audiences: [], expirationSeconds: longestSeconds, boundObjectRef },
    };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const made = await client.request<AuthenticationTokenRequest>('POST', path, asked);
    return made.status?.token ?? '';
  }

  /** Makes a Secret for an account that names none which exists. */
  async function reconcileAccount(key: string): Promise<void> {
    const account = serviceaccounts.store.get(key);
    if (!account || account.metadata?.deletionTimestamp) return;
    const { name = '', namespace = '', uid = '' } = account.metadata ?? {};
    const existing = new Set(tokensOf(account).map(({ metadata }) => metadata?.name));
    const named = account.secrets?.map((reference) => reference.name) ?? [];
    if (named.some((one) => existing.has(one))) return;
    const [unnamed] = existing;
    try {
      const token = unnamed ?? `${name}-token-${randomBytes(3).toString('hex').slice(0, 5)}`;
      if (!unnamed)
        await client.create(resources.secrets, {
          metadata: { name: token, namespace, annotations: { [accountName]: name, [accountUid]: uid } },
          type: tokenType,
        });
      const left = account.secrets?.filter((one) => !one.name?.startsWith(`${name}-token-`)) ?? [];
      await client.update(resources.serviceaccounts, { ...account, secrets: [...left, { name: token }] });
    } catch (error) {
      if (!isNamespaceEnding(error)) throw error;
    }
  }
};

function keyOfSecret({ metadata }: Secret): string {
  return `${metadata?.namespace}/${metadata?.name}`;
}
