import { parseType } from '../schema/schema.ts';
import { type PatchMeta, patchMeta } from './merge-keys.ts';

/** What a strategic merge needs to know of a type: how each of its fields merges, and the fields' own types. */
export interface PatchSchema {
  field(name: string): { meta: PatchMeta; schema: PatchSchema };
}

/** The schema of a model of `api/schema.json`. Fields it does not know are replaced, as are all below them. */
export function modelSchema(type: string): PatchSchema {
  return {
    field(name) {
      const expression = parseType(type);
      if (expression.form === 'map') return { meta: opaqueMeta, schema: modelSchema(expression.element) };
      if (expression.form !== 'model') return { meta: opaqueMeta, schema: opaque };
      const fieldType = Object.hasOwn(expression.model.fields, name)
        ? expression.model.fields[name]
        : undefined;
      if (fieldType === undefined) return { meta: opaqueMeta, schema: opaque };
      return { meta: patchMeta(expression.name, name), schema: modelSchema(elementOf(fieldType)) };
    },
  };
}

const opaqueMeta: PatchMeta = { strategies: [] };
const opaque: PatchSchema = { field: () => ({ meta: opaqueMeta, schema: opaque }) };

/** The type of a list's elements, whose fields a merge of that list looks up. */
function elementOf(type: string): string {
  return type.startsWith('[]') ? type.slice(2) : type;
}
