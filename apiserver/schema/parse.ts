import { type StatusError, statusError } from '../../api/status.ts';
import { duplicateFields } from './duplicates.ts';

/** A request body as plain values, and the paths of fields that stand in it more than once. */
export interface ParsedBody {
  value: unknown;
  /** `spec.replicas`, `spec.ports[0].port` */
  duplicates: string[];
}

/**
 * Reads a JSON (`application/json`, the default) or YAML (`application/yaml`) body.
 * Rejects with `StatusError` BadRequest for what cannot be read, UnsupportedMediaType for other types.
 */
export async function parseBody(text: string, contentType: string): Promise<ParsedBody> {
  const mediaType = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (mediaType === '' || mediaType === 'application/json') return parseJson(text);
  // Few clients send YAML; its parser is loaded for the first of them.
  if (mediaType === 'application/yaml') return (await import('./parse-yaml.ts')).parseYaml(text);
  throw statusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

const accepted = ['application/json', 'application/yaml'];

/** Reads a JSON text. Throws `StatusError` BadRequest where it is none. */
export function parseJson(text: string): ParsedBody {
  try {
    return { value: JSON.parse(text), duplicates: duplicateFields(text) };
  } catch (error) {
    throw unreadable('json parse error', error);
  }
}

/** The `StatusError` for a body that cannot be read; `what` tells the format in upstream's words. */
export function unreadable(what: string, error: unknown): StatusError {
  const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return statusError('BadRequest', `${what}: ${reason}`);
}
