import { parseType } from '../schema/schema.ts';
import goTypes from './go-types.json' with { type: 'json' };

/**
 * How values of a type are owned: whole (`scalar`, and whatever is `atomic`) or part by part.
 * Upstream: structured-merge-diff `schema/elements.go`, made of the tags `+listType`, `+listMapKey`, `+mapType` and
 * `+structType` of `types.go`.
 */
export type Shape =
  | { readonly form: 'scalar'; readonly type: 'string' | 'number' | 'boolean' | 'any' }
  | StructShape
  | { readonly form: 'map'; readonly atomic: boolean; readonly element: Shape }
  | ListShape
  | UntypedShape;

/** Anything: what it is shows in the value. Upstream: `DeducedParseableType`. */
export interface UntypedShape {
  readonly form: 'untyped';
  /** What is known of it where it is a map. */
  readonly map?: StructShape;
}

export interface StructShape {
  readonly form: 'struct';
  readonly atomic: boolean;
  /** The shape of a declared field. */
  field(name: string): Shape | undefined;
  /** The shape of any other; absent where there is none. */
  readonly rest?: Shape;
  /**
   * Fields that Go's encoder always writes, and what it writes where nothing is set: `{}` for a struct that is no
   * pointer, `null` for a time.
   */
  readonly always: readonly (readonly [string, unknown])[];
}

export interface ListShape {
  readonly form: 'list';
  /** `set`: elements are known by their value; `map`: by `keys`. */
  readonly relation: 'atomic' | 'set' | 'map';
  readonly keys: readonly string[];
  /** Values of keys where an item does not say them. */
  readonly keyDefaults: Readonly<Record<string, unknown>>;
  readonly element: Shape;
}

/** What `types.go` says of a type beyond what the published schema keeps. */
interface GoType {
  atomic?: boolean;
  atomicFields?: string[];
  lists?: Record<string, 'set' | string[]>;
  always?: Record<string, unknown>;
}

const known: Readonly<Record<string, GoType>> = goTypes as Record<string, GoType>;
const shapes = new Map<string, Shape>();

export const untyped: UntypedShape = { form: 'untyped' };

export const atomicList = (element: Shape): ListShape => ({
  ...{ form: 'list', relation: 'atomic', keys: [], keyDefaults: {} },
  element,
});

/** The shape of a model of `api/schema.json`, or of a type made of one (`[]Container`). */
export function shapeOf(type: string): Shape {
  let shape = shapes.get(type);
  if (!shape) {
    shape = createShape(type);
    shapes.set(type, shape);
  }
  return shape;
}

function createShape(type: string): Shape {
  const expression = parseType(type);
  switch (expression.form) {
    case 'list':
      // Bytes are one text on the wire.
      return atomicList(shapeOf(expression.element));
    case 'map':
      return { form: 'map', atomic: false, element: shapeOf(expression.element) };
    case 'model':
      return createStruct(expression.model.fields, known[expression.name] ?? {});
    case 'scalar':
      return expression.name === 'any' ? untyped : { form: 'scalar', type: scalarOf(expression.name) };
  }
}

function createStruct(fields: Readonly<Record<string, string>>, go: GoType): StructShape {
  const own = new Map<string, Shape>();
  return {
    form: 'struct',
    atomic: go.atomic ?? false,
    always: Object.entries(go.always ?? {}),
    field(name) {
      let shape = own.get(name);
      const type = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (!shape && type !== undefined) {
        shape = fieldShape(shapeOf(type), go, name);
        own.set(name, shape);
      }
      return shape;
    },
  };
}

function fieldShape(shape: Shape, { lists, atomicFields }: GoType, name: string): Shape {
  const list = lists?.[name];
  if (shape.form === 'list' && list) {
    if (list === 'set') return { ...shape, relation: 'set' };
    const keyDefaults = Object.fromEntries(Object.entries(defaults).filter(([key]) => list.includes(key)));
    return { ...shape, relation: 'map', keys: list, keyDefaults };
  }
  if (shape.form === 'map' && atomicFields?.includes(name)) return { ...shape, atomic: true };
  return shape;
}

function scalarOf(name: string): 'string' | 'number' | 'boolean' | 'any' {
  if (name === 'string' || name === 'byte') return 'string';
  if (name === 'boolean') return 'boolean';
  return name === 'int32' || name === 'int64' || name === 'double' ? 'number' : 'any';
}

/** Keys of list elements that have a value of their own where nothing is said. Upstream: `+default` of these fields. */
const defaults: Readonly<Record<string, unknown>> = { protocol: 'TCP' };
