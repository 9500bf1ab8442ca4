import { randomUUID } from 'node:crypto';
import { apiVersionOf } from '../../../api/scheme.ts';
import type { Status } from '../../../api/types.ts';
import { isMap } from '../../apiextensions/schema/schema.ts';
import type { Attributes, Invocation } from '../attributes.ts';

/** What a webhook answered, checked. */
export interface Verdict {
  allowed: boolean;
  result?: Status;
  /** Operations of a JSON patch. */
  patch?: unknown;
  warnings: readonly string[];
  auditAnnotations: Readonly<Record<string, string>>;
}

/** The AdmissionReview to send. Upstream: `admission/plugin/webhook/request/admissionreview.go`. */
export function createReview(
  version: string,
  attributes: Attributes,
  { resource, kind }: Invocation,
): { uid: string; review: object } {
  const { user, subresource, options } = attributes;
  const uid = randomUUID();
  const named = ({ group, version, name }: Invocation['resource']) => ({ group, version, resource: name });
  const request = {
    uid,
    kind: kindOf(kind),
    resource: named(resource),
    ...(subresource ? { subResource: subresource } : {}),
    requestKind: kindOf(attributes.kind),
    requestResource: named(attributes.resource),
    ...(subresource ? { requestSubResource: subresource } : {}),
    ...(attributes.name ? { name: attributes.name } : {}),
    ...(attributes.namespace ? { namespace: attributes.namespace } : {}),
    operation: attributes.operation,
    userInfo: {
      username: user.name,
      ...(user.uid ? { uid: user.uid } : {}),
      groups: user.groups,
      ...(user.extra ? { extra: user.extra } : {}),
    },
    object: attributes.object ?? null,
    oldObject: attributes.old ?? null,
    dryRun: attributes.dryRun,
    options: options ?? null,
  };
  return { uid, review: { kind: 'AdmissionReview', apiVersion: `admission.k8s.io/${version}`, request } };
}

const kindOf = ({ group, version, kind }: Invocation['kind']) => ({ group, version, kind });

/** @throws Error for an answer that is none, in upstream's words */
export function readVerdict(body: unknown, version: string, uid: string, mutating: boolean): Verdict {
  const { response, kind, apiVersion } = isMap(body) ? body : {};
  if (!isMap(response)) throw new Error('webhook response was absent');
  const { patch, patchType, allowed, status, warnings, auditAnnotations } = response;
  if (version === 'v1') {
    if (response.uid !== uid) {
      const got = JSON.stringify(response.uid ?? '');
      throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${got}`);
    }
    const wanted = 'admission.k8s.io/v1, Kind=AdmissionReview';
    const given = `${String(apiVersion ?? '')}, Kind=${String(kind ?? '')}`;
    if (given !== wanted) throw new Error(`expected webhook response of ${wanted}, got ${given}`);
    checkPatch(patch, patchType, mutating);
  }
  return {
    allowed: allowed === true,
    ...(isMap(status) ? { result: status as Status } : {}),
    ...(mutating && patch ? { patch: parsePatch(patch) } : {}),
    warnings: Array.isArray(warnings) ? warnings.map(String) : [],
    auditAnnotations: isMap(auditAnnotations)
      ? Object.fromEntries(Object.entries(auditAnnotations).map(([key, value]) => [key, String(value)]))
      : {},
  };
}

function checkPatch(patch: unknown, patchType: unknown, mutating: boolean): void {
  if (!mutating) {
    if (patch) throw new Error('validating webhook may not return response.patch');
    if (patchType) throw new Error('validating webhook may not return response.patchType');
    return;
  }
  if (patch && !patchType) throw new Error('webhook returned response.patch but not response.patchType');
  if (!patch && patchType) throw new Error('webhook returned response.patchType but not response.patch');
  if (patchType && patchType !== 'JSONPatch')
    throw new Error(`unsupported patch type ${JSON.stringify(patchType)}`);
}

function parsePatch(patch: unknown): unknown {
  return JSON.parse(Buffer.from(String(patch), 'base64').toString('utf8'));
}

/** `apps/v1, Kind=Deployment` */
export const titleOf = (kind: Invocation['kind']): string => `${apiVersionOf(kind)}, Kind=${kind.kind}`;
