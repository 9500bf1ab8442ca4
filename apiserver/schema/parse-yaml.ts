import { isMap, isScalar, isSeq, type Node, parseAllDocuments } from 'yaml';
import { type ParsedBody, unreadable } from './parse.ts';

/** Reads the first document of a YAML text. Throws `StatusError` BadRequest where it cannot be read. */
export function parseYaml(text: string): ParsedBody {
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
