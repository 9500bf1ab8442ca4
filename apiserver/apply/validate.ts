import { elementText, fieldElement } from './element.ts';
import { isMap, itemElement, ShapeError, walkOf } from './items.ts';
import type { ListShape, Shape } from './shape.ts';

/**
 * Checks a configuration against its shape: known fields, values of the right type, no two items of one key.
 * Upstream: structured-merge-diff `typed/validate.go`.
 *
 * @throws ShapeError of everything that is wrong
 */
export function validate(shape: Shape, value: unknown): void {
  const errors: ShapeError[] = [];
  check(errors, '', shape, value);
  const [first, ...others] = errors;
  if (!first) return;
  if (others.length === 0) throw first;
  throw new ShapeError('', ['errors:', ...errors.map(({ message }) => `  ${message}`)].join('\n'));
}

function check(errors: ShapeError[], path: string, shape: Shape, value: unknown): void {
  if (value === null || value === undefined) return;
  if (shape.form === 'scalar') {
    checkScalar(errors, path, shape.type, value);
    return;
  }
  const walked = walkOf(shape, value);
  if (walked.form === 'list') {
    if (Array.isArray(value)) checkItems(errors, path, walked.shape, value);
    else errors.push(new ShapeError(path, `expected list, got ${goPointer(value)}`));
  } else if (walked.form === 'map') {
    if (!isMap(value)) {
      errors.push(new ShapeError(path, `expected map, got ${goPointer(value)}`));
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      const here = path + elementText(fieldElement(key));
      const inner = walked.shapeOf(key);
      if (inner) check(errors, here, inner, item);
      else errors.push(new ShapeError(here, 'field not declared in schema'));
    }
  }
}

function checkItems(errors: ShapeError[], path: string, shape: ListShape, items: readonly unknown[]): void {
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    if (shape.relation === 'atomic') {
      check(errors, `${path}[${index}]`, shape.element, item);
      continue;
    }
    let element: string;
    try {
      element = itemElement(shape, item);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      errors.push(new ShapeError(path, `element ${index}: ${error.reason}`));
      return;
    }
    const here = elementText(element);
    if (seen.has(element)) errors.push(new ShapeError(path, `duplicate entries for key ${here}`));
    seen.add(element);
    check(errors, path + here, shape.element, item);
  }
}

function checkScalar(errors: ShapeError[], path: string, type: string, value: unknown): void {
  const wrong = (what: string) => errors.push(new ShapeError(path, `expected ${what}`));
  if (type === 'number') {
    if (typeof value !== 'number') wrong(`numeric (int or float), got ${goType(value)}`);
  } else if (type === 'string') {
    if (typeof value !== 'string') wrong(`string, got &value.valueUnstructured{Value:${goSyntax(value)}}`);
  } else if (type === 'boolean') {
    if (typeof value !== 'boolean') wrong(`boolean, got ${goPointer(value)}`);
  } else if (typeof value === 'object') wrong(`any scalar, got ${goPointer(value)}`);
}

/** A value as Go's `%v` prints a pointer to it. */
const goPointer = (value: unknown) => `&{${goValue(value)}}`;

function goValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (!isMap(value)) return value === null ? '<nil>' : String(value);
  const items = Object.keys(value)
    .sort()
    .map((key) => `${key}:${goValue(value[key])}`);
  return `map[${items.join(' ')}]`;
}

/** The same as `%#v` prints it. */
function goSyntax(value: unknown): string {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (!isMap(value)) return value === null ? 'interface {}(nil)' : JSON.stringify(value);
  const items = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${goSyntax(value[key])}`);
  return `map[string]interface {}{${items.join(', ')}}`;
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (isMap(value)) return 'map[string]interface {}';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
