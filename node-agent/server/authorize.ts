import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Client } from '../../api/client.ts';
import type { SubjectAccessReview, TokenReview } from '../../api/types.ts';
import type { Access } from './config.ts';

/** Somebody who asks the kubelet. */
interface User {
  name: string;
  groups: readonly string[];
  uid?: string;
}

/** The answer to who may not; the text is upstream's. */
export class RefusedError extends Error {
  override name = 'RefusedError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Milliseconds an answer of the API is good for, where a KubeletConfiguration does not say. */
const defaults = { allowedFor: 300_000, deniedFor: 30_000 };

/** Answers that are kept; more of them are asked for anew. */
const mostAnswers = 1_000;

const anonymousUser: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/**
 * Asks for each request who it is and whether they may: a certificate of the cluster's authority or a token names
 * them, and the API decides about `nodes/proxy`, `nodes/metrics` and so on. Upstream: `pkg/kubelet/server/auth.go`.
 *
 * @returns a function that rejects with {@link RefusedError}
 */
export function createAuthorizer(client: Client, nodeName: string, access: Access = {}) {
  const { anonymous = false, alwaysAllow = false, allowedFor, deniedFor } = { ...defaults, ...access };
  const answers = new Map<string, { allowed: boolean; until: number }>();
  return async (request: IncomingMessage, path: string): Promise<void> => {
    const user =
      userOfCertificate(request) ??
      (await userOfToken(client, request)) ??
      (anonymous && !request.headers.authorization ? anonymousUser : undefined);
    if (!user) throw new RefusedError(401, 'Unauthorized');
    if (alwaysAllow) return;
    const verb = verbOf(request.method ?? '');
    const subresources = subresourcesOf(path);
    for (const subresource of subresources) if (await may(user, verb, subresource)) return;
    throw new RefusedError(
      403,
      `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])`,
    );
  };

  async function may(user: User, verb: string, subresource: string): Promise<boolean> {
    const key = JSON.stringify([user, verb, subresource]);
    const known = answers.get(key);
    if (known && known.until > Date.now()) return known.allowed;
    const allowed = await review(client, user, verb, subresource, nodeName);
    if (answers.size >= mostAnswers) answers.clear();
    answers.set(key, { allowed, until: Date.now() + (allowed ? allowedFor : deniedFor) });
    return allowed;
  }
}

function userOfCertificate({ socket }: IncomingMessage): User | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { CN: name, O: organizations = [] } = (socket.getPeerCertificate().subject ?? {}) as {
    CN?: string | string[];
    O?: string | string[];
  };
  // Which of several names it is would be a guess.
  if (!name || typeof name !== 'string') return undefined;
  return { name, groups: [...[organizations].flat(), 'system:authenticated'] };
}

async function userOfToken(client: Client, { headers }: IncomingMessage): Promise<User | undefined> {
  const token = /^bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (!token) return undefined;
  const asked: TokenReview = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
  const { status } = await client.request<TokenReview>(
    'POST',
    '/apis/authentication.k8s.io/v1/tokenreviews',
    asked,
  );
  const { username, groups = [], uid } = status?.user ?? {};
  return status?.authenticated && username ? { name: username, groups, ...(uid ? { uid } : {}) } : undefined;
}

async function review(
  client: Client,
  { name, groups, uid }: User,
  verb: string,
  subresource: string,
  node: string,
): Promise<boolean> {
  const asked: SubjectAccessReview = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user: name,
      groups: [...groups],
      ...(uid ? { uid } : {}),
      resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: node },
    },
  };
  const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
  const { status } = await client.request<SubjectAccessReview>('POST', path, asked);
  return status?.allowed ?? false;
}

function verbOf(method: string): string {
  const verbs: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
  return verbs[method] ?? 'get';
}

/**
 * What a path takes the right to, any one of these. KEP-2862 (fine-grained kubelet API authorization) has those before
 * `proxy`.
 */
function subresourcesOf(path: string): string[] {
  const [, first = '', second] = path.split('/');
  const names: Record<string, string> = { stats: 'stats', metrics: 'metrics', logs: 'log', spec: 'spec' };
  const one = names[first];
  if (one) return [one];
  if (second === undefined && (first === 'pods' || first === 'runningpods')) return ['pods', 'proxy'];
  if (first === 'healthz') return ['healthz', 'proxy'];
  return first === 'configz' && second === undefined ? ['configz', 'proxy'] : ['proxy'];
}
