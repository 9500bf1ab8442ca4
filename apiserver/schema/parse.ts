/** A request body as plain values, and the paths of fields written more than once. */
export interface ParsedBody {
  value: unknown;
  /** `spec.replicas` */
  duplicates: string[];
}

/** Reads a JSON or YAML body; stub. */
export function parseBody(text: string, _contentType: string): ParsedBody {
  return { value: JSON.parse(text), duplicates: [] };
}
