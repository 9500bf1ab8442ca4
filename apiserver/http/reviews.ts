import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KubeObject } from '../../api/object.ts';
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  TokenReview,
} from '../../api/types.ts';
import type { Authorizer } from '../auth/authorize.ts';
import type { Tokens } from '../auth/tokens.ts';
import type { User } from '../auth/user.ts';
import type { CustomRules } from '../registry/strategy.ts';
import { type ExpectedType, readObject } from './body.ts';
import { negotiate } from './negotiate.ts';
import { addWarning, sendJson } from './respond.ts';

type Answer = (object: KubeObject, user: User, options: ReviewOptions) => object | Promise<object>;

export interface ReviewOptions {
  tokens: Tokens;
  issuer: string;
  authorizer: Authorizer;
  now(): Date;
}

const access = () => import('./access-reviews.ts');

/** Questions about users, answered and not stored: `kubectl auth whoami`, `kubectl auth can-i`. */
const answers: Record<string, { kind: string; answer: Answer }> = {
  '/apis/authentication.k8s.io/v1/selfsubjectreviews': { kind: 'SelfSubjectReview', answer: whoAmI },
  '/apis/authentication.k8s.io/v1/tokenreviews': { kind: 'TokenReview', answer: reviewToken },
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews': {
    kind: 'SelfSubjectAccessReview',
    answer: async (object, user, { authorizer }) =>
      (await access()).selfAccess(object as SelfSubjectAccessReview, user, authorizer),
  },
  '/apis/authorization.k8s.io/v1/subjectaccessreviews': {
    kind: 'SubjectAccessReview',
    answer: async (object, _, { authorizer }) =>
      (await access()).subjectAccess(object as SubjectAccessReview, authorizer),
  },
  '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews': {
    kind: 'SelfSubjectRulesReview',
    answer: async (object, user, { authorizer }) =>
      (await access()).selfRules(object as SelfSubjectRulesReview, user, authorizer),
  },
};

const local = /^\/apis\/authorization\.k8s\.io\/v1\/namespaces\/([^/]+)\/localsubjectaccessreviews$/;

function reviewOf(path: string): { kind: string; answer: Answer } | undefined {
  const [, namespace] = local.exec(path) ?? [];
  if (namespace === undefined) return answers[path];
  return {
    kind: 'LocalSubjectAccessReview',
    answer: async (object, _, { authorizer }) =>
      (await access()).localAccess(object as LocalSubjectAccessReview, namespace, authorizer),
  };
}

/** True when the path is one of these, which is then answered. */
export async function serveReview(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  user: User,
  options: ReviewOptions,
): Promise<boolean> {
  const review = request.method === 'POST' ? reviewOf(path.replace(oldVersion, '$1/v1/')) : undefined;
  if (!review) return false;
  // Answers to questions are no objects that one could list: there are no columns for them.
  negotiate(request.headers.accept, true, false);
  const apiVersion = path.split('/').slice(2, 4).join('/');
  const type = { apiVersion, kind: review.kind, type: review.kind };
  const { object, group } = await readReview(request, type, (message) => addWarning(response, message));
  sendJson(response, 201, {
    kind: review.kind,
    apiVersion,
    metadata: { creationTimestamp: null },
    ...object,
    ...(group ? { spec: { ...withoutGroups(object as SubjectAccessReview), group } } : {}),
    ...(await review.answer(object, user, options)),
  });
  return true;
}

/** Their beta was the same but for one field: `spec.group` of who is asked about are `groups` since. */
const oldVersion = /^(\/apis\/auth(?:entication|orization)\.k8s\.io)\/v1beta1\//;

async function readReview(
  request: IncomingMessage,
  type: ExpectedType,
  warn: (message: string) => void,
): Promise<{ object: KubeObject; group?: unknown }> {
  if (!type.apiVersion.endsWith('/v1beta1') || !type.kind.endsWith('SubjectAccessReview'))
    return { object: await readObject(request, type, 'Warn', warn) };
  let group: unknown;
  const { decode } = await import('../schema/decode.ts');
  const renamed: Pick<CustomRules, 'decode'> = {
    decode(value, mode, duplicates) {
      const { spec, ...rest } = value as { spec?: Record<string, unknown> };
      const { group: groups, ...asked } = spec ?? {};
      group = groups;
      return decode(
        type.type,
        { ...rest, spec: { ...asked, ...(groups ? { groups } : {}) } },
        mode,
        duplicates,
      );
    },
  };
  const object = await readObject(request, { ...type, custom: renamed }, 'Warn', warn);
  return { object, group };
}

function withoutGroups({ spec }: SubjectAccessReview): object {
  const { groups: _, ...rest } = spec;
  return rest;
}

function whoAmI(_: KubeObject, { name, uid, groups, extra }: User): object {
  return {
    status: { userInfo: { username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) } },
  };
}

function reviewToken(object: KubeObject, _user: User, { tokens, issuer, now }: ReviewOptions): object {
  const { spec } = object as TokenReview;
  const audiences = spec?.audiences?.length ? spec.audiences : [issuer];
  const user = tokens.verify(spec?.token ?? '', audiences, now());
  if (!user) return { status: { user: {}, error: 'the token is not valid' } };
  const { name: username, ...rest } = user;
  return { status: { authenticated: true, user: { username, ...rest }, audiences } };
}
