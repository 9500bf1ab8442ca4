import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import { patchMeta } from '../patch/merge-keys.ts';
import { fieldType } from '../schema/quantities.ts';
import { modelOf, parseType } from '../schema/schema.ts';
import { type Describe, describeNothing } from './descriptions.ts';
import { schemaName } from './names.ts';

/** Version 2 (Swagger) or 3 of the OpenAPI specification. */
export type Dialect = 2 | 3;

export type Schema = Record<string, unknown>;

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** Types that are texts or numbers on the wire and have a name of their own. */
const named: Readonly<Record<string, string>> = {
  Time: `${meta}.Time`,
  MicroTime: `${meta}.MicroTime`,
  Quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  IntOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
};

const scalars: Readonly<Record<string, Schema>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  byte: { type: 'string', format: 'byte' },
  any: { type: 'object' },
};

/** The schemas of the kinds, of their lists and of everything they are made of, by name. */
export function schemasOf(
  resources: readonly Resource[],
  dialect: Dialect,
  describe = describeNothing,
): Record<string, Schema> {
  const schemas = namedSchemas(dialect);
  const own = resources.filter(({ stored }) => !stored);
  const pending = [...own.map(({ type }) => type), 'ObjectMeta', 'ListMeta', 'Status', 'DeleteOptions'];
  if (resources.some(({ scale }) => scale)) pending.push('Scale');
  for (let type = pending.pop(); type !== undefined; type = pending.pop()) {
    const name = schemaName(type);
    if (name in schemas) continue;
    const { schema, used } = modelSchema(type, dialect, describe);
    schemas[name] = schema;
    pending.push(...used);
  }
  for (const resource of own) {
    const schema = schemas[schemaName(resource.type)];
    if (schema) addName(schema, groupVersionKind(resource));
    const list = `${schemaName(resource.type)}List`;
    const listed = schemas[list];
    if (listed) addName(listed, { ...groupVersionKind(resource), kind: `${resource.kind}List` });
    else schemas[list] = listSchema(resource, dialect, describe);
  }
  return Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Group versions with the same fields share a schema. */
function addName(schema: Schema, name: Schema): void {
  const extension = 'x-kubernetes-group-version-kind';
  const known = (schema[extension] ?? []) as Schema[];
  schema[extension] = [...known, name];
}

/** `{ group, version, kind }` as upstream's extension has it. */
export function groupVersionKind({ group, version, kind }: Resource): Schema {
  return { group, kind, version };
}

/** A reference to a schema of the same document. */
export function reference(name: string, dialect: Dialect): Schema {
  return { $ref: `${dialect === 2 ? '#/definitions/' : '#/components/schemas/'}${name}` };
}

function modelSchema(type: string, dialect: Dialect, describe: Describe): { schema: Schema; used: string[] } {
  const model = modelOf(type);
  const own = describe(type);
  const used: string[] = [];
  const properties: Record<string, Schema> = {};
  for (const [field, declared] of Object.entries(model?.fields ?? {})) {
    const expression = fieldType(type, field, declared);
    properties[field] = {
      ...described(own.of(field) ?? describe(expression).text),
      ...typeSchema(expression, dialect, used),
      ...mergeExtensions(type, field),
    };
  }
  const required = model?.required ? { required: model.required } : {};
  return { schema: { ...described(own.text), type: 'object', properties, ...required }, used };
}

function typeSchema(type: string, dialect: Dialect, used: string[]): Schema {
  const expression = parseType(type);
  switch (expression.form) {
    case 'list':
      return { type: 'array', items: typeSchema(expression.element, dialect, used) };
    case 'map':
      return { type: 'object', additionalProperties: typeSchema(expression.element, dialect, used) };
    case 'model':
      used.push(expression.name);
      return refer(schemaName(expression.name), dialect);
    case 'scalar': {
      const name = named[expression.name];
      if (name) return refer(name, dialect);
      return { ...scalars[expression.name] };
    }
  }
}

/** In version 3 a reference may not stand beside other keys; upstream wraps it. */
export function refer(name: string, dialect: Dialect): Schema {
  return dialect === 2 ? reference(name, dialect) : { allOf: [reference(name, dialect)] };
}

const described = (description: string | undefined): Schema => (description ? { description } : {});

function mergeExtensions(type: string, field: string): Schema {
  const { strategies, mergeKey } = patchMeta(type, field);
  return {
    ...(mergeKey ? { 'x-kubernetes-patch-merge-key': mergeKey } : {}),
    ...(strategies.length > 0 ? { 'x-kubernetes-patch-strategy': strategies.join(',') } : {}),
  };
}

export function listSchema(resource: Resource, dialect: Dialect, describe = describeNothing): Schema {
  const { kind, type, listKind = `${kind}List` } = resource;
  const own = describe(`${type}List`);
  return {
    type: 'object',
    description: own.text ?? `${listKind} is a list of ${kind} objects of ${apiVersionOf(resource)}.`,
    required: ['items'],
    properties: {
      apiVersion: { ...described(own.of('apiVersion')), type: 'string' },
      kind: { ...described(own.of('kind')), type: 'string' },
      metadata: refer(schemaName('ListMeta'), dialect),
      items: { ...described(own.of('items')), type: 'array', items: refer(schemaName(type), dialect) },
    },
    'x-kubernetes-group-version-kind': [{ ...groupVersionKind(resource), kind: listKind }],
  };
}

function namedSchemas(dialect: Dialect): Record<string, Schema> {
  const either = (...types: string[]) =>
    dialect === 2 ? { type: 'string' } : { oneOf: types.map((type) => ({ type })) };
  return {
    [`${meta}.Time`]: { type: 'string', format: 'date-time' },
    [`${meta}.MicroTime`]: { type: 'string', format: 'date-time' },
    [`${meta}.Patch`]: { type: 'object', description: 'A patch, in the form its Content-Type names.' },
    'io.k8s.apimachinery.pkg.api.resource.Quantity': either('string', 'number'),
    'io.k8s.apimachinery.pkg.util.intstr.IntOrString': {
      format: 'int-or-string',
      ...either('integer', 'string'),
    },
  };
}
