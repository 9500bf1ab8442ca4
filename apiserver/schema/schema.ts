import document from '../../api/schema.json' with { type: 'json' };
import { olderModels } from './older-models.ts';

/** The fields of one model; a field's type is `string`, `[]Container`, `{}string`, … as in `api/schema.json`. */
export interface Model {
  readonly fields: Readonly<Record<string, string>>;
  readonly required?: readonly string[];
}

/** A type in the compact notation, taken apart. */
export type TypeExpression =
  | { form: 'list' | 'map'; element: string }
  | { form: 'model'; name: string; model: Model }
  | { form: 'scalar'; name: string };

const models: ReadonlyMap<string, Model> = new Map(Object.entries<Model>({ ...document, ...olderModels }));

/** The model of that name, or undefined for a scalar. */
export function modelOf(name: string): Model | undefined {
  return models.get(name);
}

/** Names of all models, in the order of `api/schema.json`. */
export function modelNames(): Iterable<string> {
  return models.keys();
}

const parsed = new Map<string, TypeExpression>();

/** Takes `[]T`, `{}T`, a model name or a scalar apart; the answer is shared, not copied. */
export function parseType(type: string): TypeExpression {
  const known = parsed.get(type);
  if (known) return known;
  const expression = parseAnew(type);
  parsed.set(type, expression);
  return expression;
}

function parseAnew(type: string): TypeExpression {
  if (type.startsWith('[]')) return { form: 'list', element: type.slice(2) };
  if (type.startsWith('{}')) return { form: 'map', element: type.slice(2) };
  const model = models.get(type);
  return model ? { form: 'model', name: type, model } : { form: 'scalar', name: type };
}
