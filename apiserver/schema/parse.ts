import { isMap, isScalar, isSeq, type Node, parseAllDocuments } from 'yaml';
import { statusError } from '../../api/status.ts';

/** A request body as plain values, and the paths of fields that stand in it more than once. */
export interface ParsedBody {
  value: unknown;
  /** `spec.replicas`, `spec.ports[0].port` */
  duplicates: string[];
}

/**
 * Reads a JSON (`application/json`, the default) or YAML (`application/yaml`) body.
 * Throws `StatusError` BadRequest for what cannot be read, UnsupportedMediaType for other types.
 */
export function parseBody(text: string, contentType: string): ParsedBody {
  const mediaType = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (mediaType === '' || mediaType === 'application/json') return parseJson(text);
  if (mediaType === 'application/yaml') return parseYaml(text);
  throw statusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

const accepted = ['application/json', 'application/yaml'];

function parseJson(text: string): ParsedBody {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable('json parse error', error);
  }
  return { value, duplicates: mayRepeat(text) ? duplicatesOf(text) : [] };
}

/** Every object with a repeated key repeats that key's text; a body without such text is not read twice. */
function mayRepeat(text: string): boolean {
  const seen = new Set<string>();
  for (const [key] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:/g)) {
    if (seen.has(key)) return true;
    seen.add(key);
  }
  return false;
}

/** JSON is a subset of YAML 1.2, and the YAML parser keeps repeated keys. */
function duplicatesOf(text: string): string[] {
  return parseYaml(text).duplicates;
}

function parseYaml(text: string): ParsedBody {
  const [document] = parseAllDocuments(text, { uniqueKeys: false, version: '1.2' });
  if (!document || !('contents' in document)) return { value: null, duplicates: [] };
  const [error] = document.errors;
  if (error) throw unreadable('error converting YAML to JSON', error);
  const duplicates: string[] = [];
  collect(document.contents, '', duplicates);
  return { value: document.toJS(), duplicates };
}

function collect(node: unknown, path: string, found: string[]): void {
  if (isSeq<Node>(node)) {
    for (const [index, item] of node.items.entries()) collect(item, `${path}[${index}]`, found);
  }
  if (!isMap(node)) return;
  const seen = new Set<string>();
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : String(key);
    const at = path ? `${path}.${name}` : name;
    if (seen.has(name)) found.push(at);
    seen.add(name);
    collect(value, at, found);
  }
}

function unreadable(what: string, error: unknown) {
  const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return statusError('BadRequest', `${what}: ${reason}`);
}
