/** What `fmt` prints of a JSON value with `%+v`: `map[metadata:map[labels:x]]`. */
export function goValue(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, one]) => `${key}:${goValue(one)}`).join(' ')}]`;
}

/** What Go's `reflect` calls a JSON value: `string`, `map`, `slice`, `int64`… */
export function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'slice';
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64';
    case 'boolean':
      return 'bool';
    case 'object':
      return 'map';
    default:
      return 'string';
  }
}
