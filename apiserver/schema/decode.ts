import type { KubeObject } from '../../api/object.ts';
import { type StatusError, statusError } from '../../api/status.ts';
import { goKind, goValue } from './go-values.ts';
import { fieldType } from './quantities.ts';
import { decodeScalar, goTypeOf, jsonType, ScalarMismatch } from './scalar.ts';
import { type Model, parseType } from './schema.ts';

/** The query parameter `fieldValidation`: refuse, warn of, or silently drop what the schema does not know. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface Decoded {
  /** A new value: unknown fields and nulls are gone, times are in UTC. */
  object: KubeObject;
  /** Texts for `Warning` headers; only with `Warn`. */
  warnings: string[];
}

/**
 * Checks a request body against `api/schema.json` and returns what is to be stored.
 *
 * @param type model name, `Deployment`
 * @param duplicates paths of fields written twice, from `parseBody`
 * @throws StatusError BadRequest in upstream's words
 */
export function decode(
  type: string,
  value: unknown,
  mode: FieldValidation,
  duplicates: readonly string[] = [],
): Decoded {
  const { kind, version } = identify(type, value);
  const { object, problems, mismatch } = walk(type, value);
  const refuse = (reason: string) =>
    statusError('BadRequest', `${kind} in version "${version}" cannot be handled as a ${kind}: ${reason}`);
  if (mismatch !== undefined) throw refuse(mismatch);
  const findings = [...duplicates.map((field) => `duplicate field ${JSON.stringify(field)}`), ...problems];
  if (mode === 'Strict' && findings.length > 0) throw refuse(`strict decoding error: ${findings.join(', ')}`);
  return { object, warnings: mode === 'Warn' ? findings : [] };
}

/**
 * The same for an object that a patch has produced: upstream answers Invalid and quotes the object.
 * @param strategic the patch, where it was a strategic merge patch: upstream quotes that, and converts in place of decoding
 * @param findings what is wrong with the patch itself: `duplicate field "spec"`
 */
export function decodePatched(
  type: string,
  value: unknown,
  mode: FieldValidation,
  strategic?: unknown,
  findings: readonly string[] = [],
): Decoded {
  const { object, problems: found, mismatch } = walk(type, value, strategic !== undefined);
  const problems = [...findings, ...found];
  const quoted = strategic === undefined ? JSON.stringify(value) : goValue(strategic);
  if (mismatch !== undefined) throw invalidPatch(quoted, mismatch);
  if (mode === 'Strict' && problems.length > 0) {
    throw invalidPatch(quoted, `strict decoding error: ${problems.join(', ')}`);
  }
  return { object, warnings: mode === 'Warn' ? problems : [] };
}

function invalidPatch(quoted: string, reason: string): StatusError {
  const message = `Invalid value: ${JSON.stringify(quoted)}: ${reason}`;
  return statusError('Invalid', ` "" is invalid: patch: ${message}`, {
    causes: [{ reason: 'FieldValueInvalid', message, field: 'patch' }],
  });
}

function identify(type: string, value: unknown): { kind: string; version: string } {
  const fallback = type === 'CoreEvent' ? 'Event' : type;
  if (!isRecord(value)) return { kind: fallback, version: 'v1' };
  const { kind, apiVersion } = value;
  return {
    kind: typeof kind === 'string' && kind ? kind : fallback,
    version: typeof apiVersion === 'string' && apiVersion ? (apiVersion.split('/').at(-1) ?? 'v1') : 'v1',
  };
}

interface Walk {
  problems: string[];
  /** Speaks as Go's converter of maps into structs does, not as its decoder of JSON. */
  converts: boolean;
  mismatch?: string;
}

function walk(type: string, value: unknown, converts = false): Walk & { object: KubeObject } {
  const state: Walk = { problems: [], converts };
  try {
    const object = decodeValue(state, type, value ?? {}, [], type) as KubeObject;
    return { ...state, object };
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    return { ...state, object: {}, mismatch: error.message };
  }
}

/** Ends the walk: Go's decoder reports the first wrong type only. */
class Mismatch extends Error {}

/** `path` has the names with list indices (`spec.ports[0]`), `owner` the Go struct the value is a field of. */
function decodeValue(
  state: Walk,
  type: string,
  value: unknown,
  path: readonly string[],
  owner: string,
): unknown {
  const expression = parseType(type);
  switch (expression.form) {
    case 'model':
      if (!isRecord(value))
        throw state.converts
          ? new Mismatch(`cannot restore struct from: ${goKind(value)}`)
          : mismatch(jsonType(value), path, owner, goModel(expression.name));
      return decodeModel(state, expression.name, expression.model, value, path);
    case 'list':
      if (expression.element === 'byte' && typeof value === 'string') return value;
      if (!Array.isArray(value))
        throw state.converts
          ? new Mismatch(`cannot restore slice from ${goKind(value)}`)
          : mismatch(jsonType(value), path, owner, goType(type));
      return value.map((item, index) =>
        decodeValue(state, expression.element, item ?? zero(expression.element), at(path, index), owner),
      );
    case 'map': {
      if (!isRecord(value))
        throw state.converts
          ? new Mismatch(`cannot restore map from ${goKind(value)}`)
          : mismatch(jsonType(value), path, owner, goType(type));
      const decoded: [string, unknown][] = [];
      for (const [key, item] of Object.entries(value)) {
        const known = item ?? zero(expression.element);
        if (known !== undefined) {
          decoded.push([key, decodeValue(state, expression.element, known, [...path, key], owner)]);
        }
      }
      return Object.fromEntries(decoded);
    }
    case 'scalar':
      try {
        return decodeScalar(expression.name, value);
      } catch (error) {
        if (!(error instanceof ScalarMismatch)) throw error;
        if (error.verbatim) throw new Mismatch(error.message);
        throw mismatch(error.got, path, owner, goTypeOf(expression.name));
      }
  }
}

function decodeModel(
  state: Walk,
  name: string,
  model: Model,
  value: Record<string, unknown>,
  path: readonly string[],
): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const type = Object.hasOwn(model.fields, key) ? model.fields[key] : undefined;
    if (type === undefined) {
      state.problems.push(`unknown field ${JSON.stringify([...path, key].join('.'))}`);
      continue;
    }
    if (item === null || item === undefined) continue;
    decoded[key] = decodeValue(state, fieldType(name, key, type), item, [...path, key], name);
  }
  return decoded;
}

function at(path: readonly string[], index: number): string[] {
  return [...path.slice(0, -1), `${path.at(-1) ?? ''}[${index}]`];
}

/** What Go leaves in a list or map where JSON has null; undefined where that entry is dropped. */
function zero(type: string): unknown {
  const expression = parseType(type);
  switch (expression.form) {
    case 'model':
    case 'map':
      return {};
    case 'list':
      return [];
    case 'scalar':
      if (expression.name === 'boolean') return false;
      return /^(int|double)/.test(expression.name) ? 0 : expression.name === 'any' ? undefined : '';
  }
}

function mismatch(got: string, path: readonly string[], owner: string, want: string): Mismatch {
  const field = path.map((step) => step.replace(/\[\d+\]/g, '')).join('.');
  const target =
    path.length === 0 ? 'value' : `struct field ${goModel(owner).replace(/^\w+\./, '')}.${field}`;
  return new Mismatch(`json: cannot unmarshal ${got} into Go ${target} of type ${want}`);
}

/** Go's type of a compact type expression: `[]v1.Container`, `map[string]string`. */
function goType(type: string): string {
  const expression = parseType(type);
  switch (expression.form) {
    case 'list':
      return `[]${goType(expression.element)}`;
    case 'map':
      return `map[string]${goType(expression.element)}`;
    case 'model':
      return goModel(expression.name);
    case 'scalar':
      return goTypeOf(expression.name);
  }
}

/** Models whose generated name has a prefix that Go's type does not have. */
function goModel(name: string): string {
  return `v1.${name.replace(/^(Core|Discovery)(?=Event|EndpointPort)/, '')}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
