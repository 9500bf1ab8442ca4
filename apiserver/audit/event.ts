import type { Attributes } from '../auth/attributes.ts';
import type { User } from '../auth/user.ts';
import type { Level, Stage } from './policy.ts';

/** What is known of a request so far. Upstream: `apiserver/pkg/apis/audit` Event. */
export interface Recorded {
  level: Level;
  auditId: string;
  uri: string;
  user: User | undefined;
  impersonated?: User;
  sourceIps: readonly string[];
  userAgent: string;
  attributes: Attributes;
  /** Of the path: `v1`. */
  apiVersion: string;
  received: Date;
  annotations: Record<string, string>;
  code?: number;
  /** Of the object that was sent, at every level: it completes what the path says. */
  sent?: { name?: string; uid?: string; resourceVersion?: string };
  requestObject?: unknown;
  responseObject?: unknown;
}

/** One line of the log: an Event of `audit.k8s.io/v1`. */
export function eventOf(record: Recorded, stage: Stage, now: Date): object {
  const { level, user, impersonated, annotations, attributes, requestObject, responseObject } = record;
  const reference = objectReference(record);
  const status = statusOf(record);
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level,
    auditID: record.auditId,
    stage,
    requestURI: record.uri,
    verb: attributes.verb,
    user: userOf(user),
    ...(impersonated ? { impersonatedUser: userOf(impersonated) } : {}),
    ...(record.sourceIps.length > 0 ? { sourceIPs: record.sourceIps } : {}),
    ...(record.userAgent ? { userAgent: record.userAgent } : {}),
    ...(reference ? { objectRef: reference } : {}),
    ...(status && stage !== 'RequestReceived' ? { responseStatus: status } : {}),
    ...(requestObject !== undefined && stage !== 'RequestReceived' ? { requestObject } : {}),
    ...(responseObject !== undefined && stage === 'ResponseComplete' ? { responseObject } : {}),
    requestReceivedTimestamp: micro(record.received),
    stageTimestamp: micro(now),
    ...(Object.keys(annotations).length > 0 && stage !== 'RequestReceived' ? { annotations } : {}),
  };
}

function userOf(user: User | undefined): object {
  if (!user) return {};
  return {
    username: user.name,
    ...(user.uid ? { uid: user.uid } : {}),
    groups: user.groups,
    ...(user.extra ? { extra: user.extra } : {}),
  };
}

function objectReference({
  attributes,
  apiVersion,
  sent = {},
  responseObject,
}: Recorded): object | undefined {
  if ('path' in attributes) return undefined;
  const { resource, namespace, name, group, subresource } = attributes;
  const made = metadataOf(responseObject);
  const called = name ?? sent.name ?? made.name;
  return {
    resource,
    ...(namespace ? { namespace } : {}),
    ...(called ? { name: called } : {}),
    ...(sent.uid ? { uid: sent.uid } : {}),
    ...(group ? { apiGroup: group } : {}),
    ...(apiVersion ? { apiVersion } : {}),
    ...(sent.resourceVersion ? { resourceVersion: sent.resourceVersion } : {}),
    ...(subresource ? { subresource } : {}),
  };
}

function metadataOf(object: unknown): Record<string, string> {
  const { metadata } = (object ?? {}) as { metadata?: Record<string, string> };
  return metadata ?? {};
}

/** Of an answer that is a Status what it says, of others the code. */
function statusOf({ code, responseObject }: Recorded): object | undefined {
  if (code === undefined) return undefined;
  const {
    kind,
    apiVersion,
    metadata: _,
    code: own = code,
    ...said
  } = (responseObject ?? {}) as Record<string, unknown>;
  if (kind !== 'Status' || apiVersion !== 'v1') return { metadata: {}, code };
  return { metadata: {}, ...said, code: own };
}

/** RFC 3339 in microseconds, as `metav1.MicroTime`. */
const micro = (date: Date) => date.toISOString().replace('Z', '000Z');
