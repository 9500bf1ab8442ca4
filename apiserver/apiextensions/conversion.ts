import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import type { CustomResourceDefinition, ObjectMeta } from '../../api/types.ts';
import { callWebhook } from '../admission/webhooks/call.ts';
import { internalError } from '../registry/pipeline/failures.ts';
import type { Lookup } from '../registry/strategy.ts';
import { isMap } from './schema/schema.ts';

/** Has a webhook turn objects of a kind into those of another version, all at once. */
export type Converter = (objects: readonly KubeObject[], to: Resource) => Promise<KubeObject[]>;

const known = ['v1', 'v1beta1'];

/** Seconds. Upstream: the timeout of its REST client. */
const patience = 30;

/**
 * Upstream: `pkg/apiserver/conversion/webhook_converter.go`. All that a webhook may change of the metadata are labels and
 * annotations. Rejects with StatusError InternalError where it fails.
 */
export function createConverter({ spec }: CustomResourceDefinition, lookup: Lookup): Converter {
  const { clientConfig = {}, conversionReviewVersions = [] } = spec.conversion?.webhook ?? {};
  return async (objects, to) => {
    const wanted = apiVersionOf(to);
    const strangers = objects.filter(({ apiVersion }) => apiVersion !== wanted);
    const [first] = strangers;
    if (!first) return [...objects];
    const of = `conversion webhook for ${first.apiVersion}, Kind=${first.kind}`;
    const version = conversionReviewVersions.find((one) => known.includes(one)) ?? 'v1';
    const uid = randomUUID();
    const request = { uid, desiredAPIVersion: wanted, objects: strangers };
    let converted: unknown[];
    try {
      const review = { kind: 'ConversionReview', apiVersion: `apiextensions.k8s.io/${version}`, request };
      converted = convertedIn(await callWebhook(clientConfig, review, patience, lookup, ''), version, uid);
    } catch (error) {
      throw internalError(`${of} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (converted.length !== strangers.length)
      throw internalError(`${of} returned ${converted.length} objects, expected ${strangers.length}`);
    let index = 0;
    return objects.map((original) => {
      if (original.apiVersion === wanted) return original;
      const at = index++;
      try {
        return checked(original, converted[at], wanted);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw internalError(`${of} returned invalid converted object at index ${at}: ${why}`);
      }
    });
  };
}

function convertedIn(body: unknown, version: string, uid: string): unknown[] {
  const { kind, apiVersion, response } = isMap(body) ? body : {};
  const expected = `apiextensions.k8s.io/${version}, Kind=ConversionReview`;
  const got = `${String(apiVersion ?? '')}, Kind=${String(kind ?? '')}`;
  if (version === 'v1' && got !== expected)
    throw new Error(`expected webhook response of ${expected}, got ${got}`);
  if (!isMap(response)) throw new Error('no response provided');
  if (version === 'v1' && response.uid !== uid)
    throw new Error(
      `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`,
    );
  const { status = '', message } = isMap(response.result) ? response.result : {};
  if (status !== 'Success')
    throw new Error(message ? String(message) : `response.result.status was '${status}', not 'Success'`);
  return Array.isArray(response.convertedObjects) ? response.convertedObjects : [];
}

/** The object, under the metadata that it had. */
function checked(original: KubeObject, converted: unknown, wanted: string): KubeObject {
  if (!isMap(converted)) throw new Error('it is no object');
  const { apiVersion, kind, metadata, ...fields } = converted;
  if (apiVersion !== wanted)
    throw new Error(`invalid groupVersion (expected ${wanted}, received ${String(apiVersion ?? '')})`);
  if (typeof kind !== 'string' || kind !== original.kind)
    throw new Error(`invalid kind (expected ${original.kind}, received ${String(kind ?? '')})`);
  if (!isMap(metadata)) throw new Error('missing metadata in converted object');
  const before = original.metadata ?? {};
  for (const [field, title] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    const [e, a] = [before[field] ?? '', metadata[field] ?? ''];
    if (e !== a) throw new Error(`must have the same ${title}: ${e} != ${a}`);
  }
  const { labels: _, annotations: __, ...kept } = before;
  const texts = { ...textsOf('labels', metadata.labels), ...textsOf('annotations', metadata.annotations) };
  return { apiVersion: wanted, kind, metadata: { ...kept, ...texts }, ...fields };
}

function textsOf(
  field: 'labels' | 'annotations',
  value: unknown,
): Pick<ObjectMeta, 'labels' | 'annotations'> {
  if (value === undefined || value === null) return {};
  if (!isMap(value)) throw new Error(`invalid metadata.${field} of type ${typeof value} in converted object`);
  for (const [key, text] of Object.entries(value))
    if (typeof text !== 'string')
      throw new Error(
        `metadata.${field}[${key}] must be a string, but is ${typeof text} in converted object`,
      );
  return { [field]: value as Record<string, string> };
}
