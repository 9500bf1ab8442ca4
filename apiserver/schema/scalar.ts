import { canonicalQuantity } from './quantity.ts';

/** A value that does not fit its field; `message` is what Go's decoder would say of it. */
export class ScalarMismatch extends Error {
  /** Set where Go names the offending value rather than its type: `number 70000`. */
  readonly got: string;
  /** True when the value has the right JSON type but its text cannot be read (a Quantity, a Time). */
  readonly verbatim: boolean;

  constructor(got: string, verbatim = false) {
    super(got);
    this.name = 'ScalarMismatch';
    this.got = got;
    this.verbatim = verbatim;
  }
}

const limits: Record<string, readonly [number, number]> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2 ** 63), 2 ** 63],
};

/**
 * Reads one scalar of `api/schema.json` as Go's decoder does and returns it in the form it is stored in.
 * Throws {@link ScalarMismatch}.
 */
export function decodeScalar(type: string, value: unknown): unknown {
  switch (type) {
    case 'any':
      return value;
    case 'string':
      if (typeof value !== 'string') throw new ScalarMismatch(jsonType(value));
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw new ScalarMismatch(jsonType(value));
      return value;
    case 'double':
      if (typeof value !== 'number') throw new ScalarMismatch(jsonType(value));
      return value;
    case 'int32':
    case 'int64':
      return decodeInteger(type, value);
    case 'IntOrString':
      if (typeof value === 'string') return value;
      return decodeInteger('int32', value);
    case 'Quantity':
      return decodeQuantity(value);
    case 'Time':
      return decodeTime(value, rfc3339);
    case 'MicroTime':
      return decodeTime(value, rfc3339Micro);
    case 'byte':
      return decodeBytes(value);
    default:
      throw new Error(`schema.json names a type that has no decoder: ${JSON.stringify(type)}`);
  }
}

/** What Go's type of a scalar is called in an error: `[]uint8` for bytes. */
export function goTypeOf(type: string): string {
  switch (type) {
    case 'boolean':
      return 'bool';
    case 'double':
      return 'float64';
    case 'byte':
      return '[]uint8';
    case 'IntOrString':
      return 'int32';
    case 'Time':
    case 'MicroTime':
      return 'string';
    default:
      return type;
  }
}

/** `number`, `string`, `bool`, `object`, `array`: what Go's json package calls a value. */
export function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function decodeInteger(type: 'int32' | 'int64', value: unknown): number {
  if (typeof value !== 'number') throw new ScalarMismatch(jsonType(value));
  const [low = 0, high = 0] = limits[type] ?? [];
  if (!Number.isInteger(value) || value < low || value > high) throw new ScalarMismatch(`number ${value}`);
  return value;
}

const quantity = /^[+-]?(\d+(\.\d*)?|\.\d+)(([KMGTPE]i)|[numkMGTPE]|[eE][+-]?\d+)?$/;

/** Numbers are allowed on the wire and stored as their text. */
function decodeQuantity(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') throw new ScalarMismatch(jsonType(value));
  const text = String(value);
  if (!quantity.test(text)) {
    throw new ScalarMismatch(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      true,
    );
  }
  return canonicalQuantity(text);
}

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const rfc3339 = '2006-01-02T15:04:05Z07:00';
const rfc3339Micro = '2006-01-02T15:04:05.000000Z07:00';

/** MicroTime without a fraction is accepted by newer servers, and so it is here. */
function decodeTime(value: unknown, layout: string): string {
  if (typeof value !== 'string') throw new ScalarMismatch(jsonType(value));
  const milliseconds = Date.parse(value);
  if (!instant.test(value) || Number.isNaN(milliseconds)) {
    const quoted = JSON.stringify(value);
    throw new ScalarMismatch(`parsing time ${quoted} as "${layout}": cannot parse ${quoted} as "2006"`, true);
  }
  if (layout === rfc3339) return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
  return microTime(value, milliseconds);
}

/** UTC with exactly six digits of fraction, as upstream's MicroTime marshals. */
function microTime(value: string, milliseconds: number): string {
  const fraction = /\.(\d+)/.exec(value)?.[1] ?? '';
  return `${new Date(milliseconds).toISOString().slice(0, 19)}.${fraction.padEnd(6, '0').slice(0, 6)}Z`;
}

function decodeBytes(value: unknown): string {
  if (typeof value !== 'string') throw new ScalarMismatch(jsonType(value));
  const compact = value.replace(/[\r\n]/g, '');
  const wrong = compact.search(/[^A-Za-z0-9+/=]/);
  if (wrong >= 0) throw new ScalarMismatch(`illegal base64 data at input byte ${wrong}`, true);
  if (compact.length % 4 !== 0 || !/^[^=]*={0,2}$/.test(compact)) {
    throw new ScalarMismatch(`illegal base64 data at input byte ${Math.floor(compact.length / 4) * 4}`, true);
  }
  return compact;
}
