import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KubeObject } from '../../api/object.ts';
import type { SelfSubjectAccessReview, SubjectAccessReview, TokenReview } from '../../api/types.ts';
import { type Attributes, isAllowed } from '../auth/authorize.ts';
import type { Tokens } from '../auth/tokens.ts';
import { isAnonymous, type User } from '../auth/user.ts';
import { readObject } from './body.ts';
import { addWarning, sendJson } from './respond.ts';

type Answer = (object: KubeObject, user: User, options: ReviewOptions) => object;

export interface ReviewOptions {
  tokens: Tokens;
  issuer: string;
  now(): Date;
}

/** Questions about users, answered and not stored: `kubectl auth whoami`, `kubectl auth can-i`. */
const answers: Record<string, { kind: string; answer: Answer }> = {
  '/apis/authentication.k8s.io/v1/selfsubjectreviews': {
    kind: 'SelfSubjectReview',
    answer: (_, { name, uid, groups, extra }) => ({
      status: { userInfo: { username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) } },
    }),
  },
  '/apis/authentication.k8s.io/v1/tokenreviews': { kind: 'TokenReview', answer: reviewToken },
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews': {
    kind: 'SelfSubjectAccessReview',
    answer: (object, user) => access((object as SelfSubjectAccessReview).spec, user),
  },
  '/apis/authorization.k8s.io/v1/subjectaccessreviews': {
    kind: 'SubjectAccessReview',
    answer(object) {
      const { spec } = object as SubjectAccessReview;
      return access(spec, { name: spec?.user ?? '', groups: spec?.groups ?? [] });
    },
  },
  '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews': {
    kind: 'SelfSubjectRulesReview',
    answer: (_, user) => {
      const all = !isAnonymous(user);
      return {
        status: {
          incomplete: false,
          resourceRules: all ? [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] : [],
          nonResourceRules: all ? [{ verbs: ['*'], nonResourceURLs: ['*'] }] : [],
        },
      };
    },
  },
};

/** True when the path is one of these, which is then answered. */
export async function serveReview(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  user: User,
  options: ReviewOptions,
): Promise<boolean> {
  const review = answers[path];
  if (!review || request.method !== 'POST') return false;
  const apiVersion = path.split('/').slice(2, 4).join('/');
  const type = { apiVersion, kind: review.kind, type: review.kind };
  const object = await readObject(request, type, 'Warn', (message) => addWarning(response, message));
  sendJson(response, 201, {
    kind: review.kind,
    apiVersion,
    metadata: { creationTimestamp: null },
    ...object,
    ...review.answer(object, user, options),
  });
  return true;
}

/** A question of upstream's SubjectAccessReview spec. */
interface AccessSpec {
  resourceAttributes?: {
    verb?: string;
    group?: string;
    resource?: string;
    namespace?: string;
    name?: string;
  };
  nonResourceAttributes?: { verb?: string; path?: string };
}

function access(spec: AccessSpec | undefined, user: User): object {
  const { resourceAttributes: asked, nonResourceAttributes: path } = spec ?? {};
  const attributes: Attributes = path
    ? { verb: path.verb ?? '', path: path.path ?? '' }
    : {
        verb: asked?.verb ?? '',
        group: asked?.group ?? '',
        resource: asked?.resource ?? '',
        ...(asked?.namespace ? { namespace: asked.namespace } : {}),
        ...(asked?.name ? { name: asked.name } : {}),
      };
  return { status: { allowed: isAllowed(user, attributes) } };
}

function reviewToken(object: KubeObject, _user: User, { tokens, issuer, now }: ReviewOptions): object {
  const { spec } = object as TokenReview;
  const audiences = spec?.audiences?.length ? spec.audiences : [issuer];
  const user = tokens.verify(spec?.token ?? '', audiences, now());
  if (!user) return { status: { user: {}, error: 'the token is not valid' } };
  const { name: username, ...rest } = user;
  return { status: { authenticated: true, user: { username, ...rest }, audiences } };
}
