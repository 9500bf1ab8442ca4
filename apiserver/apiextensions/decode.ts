import type { KubeObject } from '../../api/object.ts';
import type { Resource } from '../../api/scheme.ts';
import { statusError } from '../../api/status.ts';
import { type Decoded, decode, type FieldValidation } from '../schema/decode.ts';
import { dropNulls, setDefaults } from './schema/default.ts';
import { prune } from './schema/prune.ts';
import { additionalOf, isMap, itemsOf, type JSONSchemaProps, propertyOf } from './schema/schema.ts';

/**
 * Reads a body by the schema of a version: what that does not know goes, what it has defaults for comes.
 * Upstream: `unstructuredNegotiatedSerializer` and `schemaCoercingDecoder` of `pkg/apiserver/customresource_handler.go`.
 *
 * @throws StatusError BadRequest
 */
export function decodeCustom(
  { kind, version }: Resource,
  schema: JSONSchemaProps,
  value: unknown,
  mode: FieldValidation,
  duplicates: readonly string[],
): Decoded {
  const refuse = (reason: string) =>
    statusError('BadRequest', `${kind} in version "${version}" cannot be handled as a ${kind}: ${reason}`);
  if (!isMap(value)) throw refuse('json: cannot unmarshal value into an object');
  const object: KubeObject & Record<string, unknown> = structuredClone(value);
  const findings = duplicates.map((field) => `duplicate field ${JSON.stringify(field)}`);
  findings.push(...decodeMetadata(object, 'metadata'));
  findings.push(...normalize(object, schema).map((field) => `unknown field ${JSON.stringify(field)}`));
  if (mode === 'Strict' && findings.length > 0) throw refuse(`strict decoding error: ${findings.join(', ')}`);
  return { object, warnings: mode === 'Warn' ? findings : [] };
}

/** Prunes and defaults an object by a schema, in place; returns the paths of what was pruned. */
export function normalize(object: KubeObject, schema: JSONSchemaProps): string[] {
  const unknown = prune(object, schema, true);
  // Metadata is nobody's to default.
  const { metadata: _, ...properties } = schema.properties ?? {};
  const own = { ...schema, properties };
  dropNulls(object, own);
  setDefaults(object, own);
  coerceEmbedded(object, own);
  return unknown;
}

/** The metadata of objects within an object are read as any other's. */
function coerceEmbedded(value: unknown, schema: JSONSchemaProps | undefined): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    for (const item of value) coerceEmbedded(item, itemsOf(schema));
  } else if (isMap(value)) {
    if (schema['x-kubernetes-embedded-resource']) decodeMetadata(value, '');
    for (const [key, field] of Object.entries(value))
      coerceEmbedded(field, propertyOf(schema, key) ?? additionalOf(schema));
  }
}

/** Replaces the metadata by what ObjectMeta knows of it; returns what that does not know. */
function decodeMetadata(object: Record<string, unknown>, path: string): string[] {
  if (object.metadata === undefined || object.metadata === null) {
    delete object.metadata;
    return [];
  }
  const { object: metadata, warnings } = decode('ObjectMeta', object.metadata, 'Warn');
  object.metadata = metadata;
  return warnings.map((warning) => warning.replace('field "', `field "${path}.`));
}
