/**
 * Writes `api/types.ts` (TypeScript interfaces) and `api/schema.json` (field table for strict
 * decoding, pruning and OpenAPI) and `apiserver/openapi/descriptions.json` (for `kubectl explain`) of the kinds that have a row, from the models that `@kubernetes/client-node` ships, which are
 * themselves generated from Kubernetes' published OpenAPI document.
 *
 * Run it after updating that package: `npm run generate`.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeDescriptions } from './generate-descriptions.ts';
import { writeFoundKinds } from './generate-kinds.ts';

writeFoundKinds();
const { servedResources } = await import('../apiserver/registry/kinds/rows.ts');
const { olderModels } = await import('../apiserver/schema/older-models.ts');

/** What requests and answers are made of that is no kind of its own; the kinds' models are found by their rows. */
const parts = [
  ...['Binding', 'Scale', 'Eviction', 'Status', 'DeleteOptions'],
  ...['TokenReview', 'SubjectAccessReview', 'SelfSubjectAccessReview', 'SelfSubjectRulesReview'],
  ...['LocalSubjectAccessReview', 'SelfSubjectReview', 'AuthenticationTokenRequest'],
  ...['APIResourceList', 'APIGroupList', 'APIVersions'],
];

interface Field {
  type: string;
  required: boolean;
}

const packageRoot = dirname(createRequire(import.meta.url).resolve('@kubernetes/client-node/package.json'));
const models = join(packageRoot, 'dist/gen/models');
const known = new Set(
  readdirSync(models)
    .filter((name) => name.endsWith('.d.ts'))
    .map((name) => name.slice(0, -5)),
);

/** `V1PodSpec` → `PodSpec`, `CoreV1Event` → `CoreEvent`. */
const shortName = (model: string) => model.replace(/V1(?=[A-Z])/, '');

function fieldsOf(model: string): Map<string, Field> {
  const declaration = readFileSync(join(models, `${model}.d.ts`), 'utf8');
  const source = readFileSync(join(models, `${model}.js`), 'utf8');
  const wire = new Map<string, { name: string; format: string }>();
  const table = /"name": "([^"]+)",\s+"baseName": "([^"]+)",\s+"type": "[^"]*",\s+"format": "([^"]*)"/g;
  for (const [, property = '', name = '', format = ''] of source.matchAll(table))
    wire.set(property, { name, format });
  const fields = new Map<string, Field>();
  for (const [, property = '', optional, tsType = ''] of declaration.matchAll(
    /^ {4}'([^']+)'(\??): ((?:\{[^}]*\}|[^;{])+);$/gm,
  )) {
    const entry = wire.get(property);
    if (entry) fields.set(entry.name, { type: wireType(tsType, entry.format), required: optional !== '?' });
  }
  return fields;
}

/** Compact notation: `[]T` is a list, `{}T` a map, a model by its short name, else a scalar. */
function wireType(tsType: string, format: string): string {
  const type = tsType.replace(/\s+/g, ' ').trim();
  const list = /^(?:Array|Set)<(.*)>$/.exec(type);
  if (list) return `[]${wireType(list[1] ?? '', format)}`;
  const map = /^\{ \[key: string\]: (.*?);? \}$/.exec(type);
  if (map) return `{}${wireType(map[1] ?? '', format)}`;
  if (type === 'number') return format === 'double' ? 'double' : format || 'int64';
  if (type === 'Date') return 'Time';
  if (type === 'V1MicroTime') return 'MicroTime';
  if (type === 'string')
    return format === 'byte' ? 'byte' : format === 'int-or-string' ? 'IntOrString' : 'string';
  if (type === 'boolean' || type === 'IntOrString') return type;
  if (known.has(type)) return shortName(type);
  return 'any';
}

function toTypeScript(type: string): string {
  if (type.startsWith('[]')) return `${toTypeScript(type.slice(2))}[]`;
  if (type.startsWith('{}')) return `Record<string, ${toTypeScript(type.slice(2))}>`;
  const scalars: Record<string, string> = {
    Time: 'string',
    MicroTime: 'string',
    byte: 'string',
    double: 'number',
    int32: 'number',
    int64: 'number',
    any: 'unknown',
  };
  return scalars[type] ?? type;
}

const types = new Map<string, Map<string, Field>>();
const modelOf = new Map([...known].map((model) => [shortName(model), model]));
const served = servedResources.map(({ served }) => served.type).filter((type) => !(type in olderModels));
const queue = [...served, ...parts].map((type) => {
  const model = modelOf.get(type);
  if (!model) throw new Error(`@kubernetes/client-node has no model for the type ${type}`);
  return model;
});
for (let model = queue.pop(); model; model = queue.pop()) {
  if (!known.has(model)) throw new Error(`@kubernetes/client-node has no model ${model}`);
  if (types.has(shortName(model))) continue;
  const fields = fieldsOf(model);
  types.set(shortName(model), fields);
  for (const [, inner = ''] of readFileSync(join(models, `${model}.d.ts`), 'utf8').matchAll(
    /from '\.\.\/models\/(\w+)\.js'/g,
  )) {
    if (inner !== 'V1MicroTime') queue.push(inner);
  }
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const names = [...types.keys()].sort();
const generated = 'Generated by scripts/generate-types.ts; do not edit.';
const lines = [
  `/** Kubernetes' object types as they are on the wire (JSON). ${generated} */`,
  '',
  'export type IntOrString = number | string;',
  '',
];
const schema: Record<string, { fields: Record<string, string>; required?: string[] }> = {};
for (const name of names) {
  const fields = [...(types.get(name) ?? new Map<string, Field>())].sort(([a], [b]) => (a < b ? -1 : 1));
  lines.push(`export interface ${name} {`);
  for (const [field, { type, required }] of fields) {
    const key = /^[A-Za-z_$][\w$]*$/.test(field) ? field : `'${field}'`;
    lines.push(`  ${key}${required ? '' : '?'}: ${toTypeScript(type)};`);
  }
  lines.push('}', '');
  const required = fields.filter(([, field]) => field.required).map(([field]) => field);
  schema[name] = {
    fields: Object.fromEntries(fields.map(([field, { type }]) => [field, type])),
    ...(required.length > 0 ? { required } : {}),
  };
}
writeFileSync(join(root, 'api/types.ts'), lines.join('\n'));
writeFileSync(
  join(root, 'api/schema.json'),
  `{\n${names.map((name) => `${JSON.stringify(name)}: ${JSON.stringify(schema[name])}`).join(',\n')}\n}\n`,
);
writeDescriptions(
  models,
  new Map([...types.keys()].map((name) => [name, modelOf.get(name) ?? name])),
  join(root, 'apiserver/openapi/descriptions.json'),
);
console.log(`${names.length} types`);
