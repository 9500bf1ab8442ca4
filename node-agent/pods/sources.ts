import type { Client } from '../../api/client.ts';
import { type Resource, resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { AuthenticationTokenRequest, ConfigMap, Pod, Secret } from '../../api/types.ts';

/** Something a pod refers to is missing or unusable; it may come, so the pod waits. */
export class NotYetError extends Error {
  override name = 'NotYetError';
}

/** What pods refer to: ConfigMaps, Secrets, service account tokens. */
export interface Sources {
  /** Undefined when it does not exist and `optional` is set. */
  configMap(namespace: string, name: string, optional?: boolean): Promise<Map<string, Buffer> | undefined>;
  secret(namespace: string, name: string, optional?: boolean): Promise<Map<string, Buffer> | undefined>;
  /** A token bound to the pod; the same one until four fifths of its life are over. */
  token(pod: Pod, audience: string | undefined, seconds: number): Promise<Buffer>;
  /** Forgets a pod's tokens. */
  forget(uid: string): void;
}

/** The ConfigMap that the control plane puts into each namespace; its content is known without asking. */
const rootCa = 'kube-root-ca.crt';

export function createSources(client: Client, caPem: string): Sources {
  const tokens = new Map<string, { token: Buffer; renewAt: number }>();

  async function fetch<T extends ConfigMap | Secret>(
    resource: Resource<T>,
    namespace: string,
    name: string,
    optional = false,
  ): Promise<T | undefined> {
    try {
      return await client.get(resource, { namespace, name });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
      if (optional) return undefined;
      throw new NotYetError(`${resource.singular} ${JSON.stringify(name)} not found`, { cause: error });
    }
  }

  return {
    async configMap(namespace, name, optional) {
      if (name === rootCa) return new Map([['ca.crt', Buffer.from(caPem)]]);
      const found = await fetch(resources.configmaps, namespace, name, optional);
      if (!found) return undefined;
      return new Map([
        ...Object.entries(found.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const),
        ...Object.entries(found.binaryData ?? {}).map(
          ([key, text]) => [key, Buffer.from(text, 'base64')] as const,
        ),
      ]);
    },
    async secret(namespace, name, optional) {
      const found = await fetch(resources.secrets, namespace, name, optional);
      return (
        found &&
        new Map(Object.entries(found.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]))
      );
    },
    async token(pod, audience, seconds) {
      const { namespace = 'default', name = '', uid = '' } = pod.metadata ?? {};
      const account = pod.spec?.serviceAccountName || 'default';
      const key = JSON.stringify([uid, audience, seconds]);
      const held = tokens.get(key);
      if (held && Date.now() < held.renewAt) return held.token;
      const request: AuthenticationTokenRequest = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          ...(audience ? { audiences: [audience] } : {}),
          expirationSeconds: seconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      };
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(account)}/token`;
      const answer = await client
        .request<AuthenticationTokenRequest>('POST', path, request)
        .catch((error: unknown) => {
          if (!hasReason(error, 'NotFound')) throw error;
          throw new NotYetError(`failed to fetch token: ${error.message}`, { cause: error });
        });
      const token = Buffer.from(answer.status?.token ?? '');
      tokens.set(key, { token, renewAt: Date.now() + seconds * 800 });
      return token;
    },
    forget(uid) {
      for (const key of tokens.keys()) if (key.startsWith(`[${JSON.stringify(uid)}`)) tokens.delete(key);
    },
  };
}
