import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Attributes } from '../auth/attributes.ts';
import type { User } from '../auth/user.ts';
import { answerObject, captureAnswer, requestObject } from './bodies.ts';
import { eventOf, type Recorded } from './event.ts';
import { type AuditPolicy, decide, type Stage } from './policy.ts';

/** Follows one request until it is answered. */
export interface AuditTrail {
  impersonates(user: User): void;
  /** The first that says something under a key is heard. */
  annotate(key: string, value: string): void;
}

/** Writes down requests by a policy. */
export interface Audit {
  /** Undefined for a request that the policy leaves out. `user` is absent where nobody was authenticated. */
  begin(
    request: IncomingMessage,
    response: ServerResponse,
    user: User | undefined,
    attributes: Attributes,
  ): AuditTrail | undefined;
}

/**
 * Audits requests in the stages of upstream: when they are received, when the answer begins of those that last, and when
 * it is complete. Nothing of credentials is written: bodies are, where the policy says so. Upstream:
 * `apiserver/pkg/endpoints/filters/audit.go`.
 *
 * @param write takes one line
 */
export function createAudit(policy: AuditPolicy, write: (line: string) => void, now: () => Date): Audit {
  return {
    begin(request, response, user, attributes) {
      const { level, omitStages, omitManagedFields } = decide(policy, user, attributes);
      const auditId = [request.headers['audit-id']].flat()[0] || randomUUID();
      response.setHeader('Audit-Id', auditId);
      if (level === 'None') return undefined;
      const record: Recorded = {
        ...{ level, auditId, user, attributes },
        uri: request.url ?? '/',
        sourceIps: sourcesOf(request),
        userAgent: request.headers['user-agent'] ?? '',
        apiVersion: versionOf(request.url ?? ''),
        received: now(),
        annotations: {},
      };
      const log = (stage: Stage) => {
        if (!omitStages.includes(stage)) write(`${JSON.stringify(eventOf(record, stage, now()))}\n`);
      };
      const keep = requestObject(request);
      log('RequestReceived');
      const lasting = isLasting(attributes);
      const captured = captureAnswer(response, {
        whole: level === 'RequestResponse' && !lasting,
        begun() {
          if (!lasting) return;
          record.code = response.statusCode;
          log('ResponseStarted');
        },
      });
      response.once('close', () => {
        record.code = response.statusCode;
        const sent = keep();
        const { metadata } = (sent ?? {}) as { metadata?: Recorded['sent'] };
        if (metadata) record.sent = metadata;
        if (sent !== undefined && level !== 'Metadata') record.requestObject = bare(sent, omitManagedFields);
        const answered = answerObject(response, captured());
        if (answered !== undefined) record.responseObject = bare(answered, omitManagedFields);
        log('ResponseComplete');
      });
      return {
        impersonates(other) {
          if (other !== user) record.impersonated = other;
        },
        annotate(key, value) {
          record.annotations[key] ??= value;
        },
      };
    },
  };
}

const lastingParts: readonly (string | undefined)[] = ['attach', 'exec', 'proxy', 'log', 'portforward'];

/** Upstream: `BasicLongRunningRequestCheck`. */
function isLasting(attributes: Attributes): boolean {
  return (
    attributes.verb === 'watch' || (!('path' in attributes) && lastingParts.includes(attributes.subresource))
  );
}

function sourcesOf({ headers, socket }: IncomingMessage): string[] {
  const forwarded = [headers['x-forwarded-for'] ?? []].flat().flatMap((one) => one.split(','));
  const own = socket.remoteAddress?.replace(/^::ffff:/, '');
  return [...new Set([...forwarded.map((one) => one.trim()), ...(own ? [own] : [])])].filter(Boolean);
}

function versionOf(url: string): string {
  const [, core, other] = /^\/(?:api\/([^/?]+)|apis\/[^/?]+\/([^/?]+))/.exec(url) ?? [];
  return core ?? other ?? '';
}

function bare(object: unknown, omitManagedFields: boolean): unknown {
  if (!omitManagedFields || typeof object !== 'object' || object === null) return object;
  const { metadata, items, ...rest } = object as { metadata?: Record<string, unknown>; items?: unknown };
  const { managedFields: _, ...kept } = metadata ?? {};
  return {
    ...rest,
    ...(metadata ? { metadata: kept } : {}),
    ...(Array.isArray(items) ? { items: items.map((item) => bare(item, true)) } : items ? { items } : {}),
  };
}
