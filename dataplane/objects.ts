import type { KubeObject } from '../api/object.ts';

/** Text that holds no readable objects; the message names document and line. */
export class ObjectsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ObjectsError';
  }
}

/**
 * Reads a stream of documents, YAML or JSON, into objects; Lists are opened. Empty documents are
 * skipped. Throws {@link ObjectsError}.
 */
export async function parseObjects(text: string): Promise<KubeObject[]> {
  const json = parseJson(text);
  if (json !== undefined) return flatten(json, 1);
  const { parseAllDocuments, LineCounter } = await import('../api/yaml.ts');
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter, merge: true });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document, i) => {
    const [error] = document.errors;
    if (error) {
      const { line, col } = lineCounter.linePos(error.pos[0]);
      throw new ObjectsError(
        `document ${i + 1}, line ${line}, column ${col}: ${error.message.split(/ at line \d|\n/)[0]}`,
      );
    }
    const { line } = lineCounter.linePos(document.contents?.range?.[0] ?? 0);
    return flatten(document.toJS(), i + 1, line);
  });
}

/** Reads the first document of a text, YAML or JSON, as it is. Throws {@link ObjectsError}. */
export async function parseDocument(text: string): Promise<unknown> {
  const json = parseJson(text);
  if (json !== undefined) return json;
  const { parse, YAMLParseError } = await import('../api/yaml.ts');
  try {
    return parse(text) as unknown;
  } catch (error) {
    if (error instanceof YAMLParseError) throw new ObjectsError(error.message);
    throw error;
  }
}

/** JSON is read without loading the YAML parser. */
function parseJson(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // YAML's flow form starts with a brace too; the YAML parser has the better message anyway.
    return undefined;
  }
}

function flatten(value: unknown, document: number, line = 1): KubeObject[] {
  if (value === null || value === undefined) return [];
  const where = `document ${document}, line ${line}`;
  if (typeof value !== 'object' || Array.isArray(value))
    throw new ObjectsError(`${where}: ${JSON.stringify(value)?.slice(0, 60)} is not a Kubernetes object`);
  const object = value as KubeObject & { items?: unknown };
  if (!object.kind) throw new ObjectsError(`${where}: Object 'Kind' is missing`);
  if (!object.kind.endsWith('List')) return [object];
  if (object.items === undefined || object.items === null) return [];
  if (!Array.isArray(object.items))
    throw new ObjectsError(`${where}: items of the ${object.kind} is not a list`);
  const kind = object.kind.slice(0, -'List'.length);
  // The items of a ServiceList carry no kind of their own.
  const fill = kind ? { kind, ...(object.apiVersion ? { apiVersion: object.apiVersion } : {}) } : {};
  return object.items.flatMap((item: unknown) =>
    flatten(typeof item === 'object' && item ? { ...fill, ...item } : item, document, line),
  );
}
