import { statusError } from '../../api/status.ts';
import { JsonPatchError, jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge.ts';
import { modelSchema } from './patch-schema.ts';
import { type JsonMap, PatchFormatError, strategicMerge } from './strategic.ts';

/** Media types a PATCH may have. */
export const patchMediaTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;

/** Upstream's limit of operations in one JSON patch. */
const maxOperations = 10_000;

/**
 * Applies a patch and returns the result, undecoded; the arguments stay as they are.
 *
 * @param type model name, for the merge keys of a strategic merge patch
 * @param mediaType the request's Content-Type, parameters allowed
 * @param patch the parsed body
 * @throws StatusError UnsupportedMediaType, BadRequest (not a patch of that type), Invalid (does not apply)
 */
export function applyPatch(type: string, mediaType: string, original: unknown, patch: unknown): unknown {
  switch ((mediaType.split(';')[0] ?? '').trim().toLowerCase()) {
    case 'application/json-patch+json':
      return applyJsonPatch(original, patch);
    case 'application/merge-patch+json':
      if (!isMap(patch)) throw statusError('BadRequest', 'invalid JSON document: a merge patch is an object');
      return mergePatch(original, patch);
    case 'application/strategic-merge-patch+json':
      return applyStrategic(type, original, patch);
    default:
      throw statusError(
        'UnsupportedMediaType',
        `the body of the request was in an unknown format - accepted media types include: ${patchMediaTypes.join(', ')}`,
      );
  }
}

function applyStrategic(type: string, original: unknown, patch: unknown): unknown {
  if (!isMap(patch) || !isMap(original)) {
    throw statusError('BadRequest', 'invalid JSON document: a strategic merge patch is an object');
  }
  try {
    return strategicMerge(original, patch, modelSchema(type));
  } catch (error) {
    if (!(error instanceof PatchFormatError)) throw error;
    throw statusError('BadRequest', error.message);
  }
}

function applyJsonPatch(original: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    throw statusError('BadRequest', 'error decoding patch: a JSON patch is a list of operations');
  }
  if (patch.length > maxOperations) {
    throw statusError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`,
    );
  }
  try {
    return jsonPatch(original, patch);
  } catch (error) {
    if (!(error instanceof JsonPatchError)) throw error;
    const message = `the server rejected our request due to an error in our request: ${error.message}`;
    throw statusError('Invalid', message, {});
  }
}

function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
