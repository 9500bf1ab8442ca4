import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
  JSONSchemaProps,
} from '../../../api/types.ts';
import { duplicate, forbidden, invalid, required, tooMany } from '../../registry/kinds/validation/field.ts';
import type { FieldError } from '../../registry/strategy.ts';
import { checkRules } from '../cel/check.ts';
import { isPath } from '../json-path.ts';
import { itemsOf, propertyOf } from '../schema/schema.ts';
import { validateDefaults } from './schema-defaults.ts';
import { validateOpenApiSchema } from './schema-fields.ts';
import { validateStructural } from './structural.ts';

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

/** Upstream: `validateCustomResourceDefinitionVersion`. */
export function validateVersion(version: CustomResourceDefinitionVersion, field: string): FieldError[] {
  const schema = version.schema?.openAPIV3Schema;
  return [
    ...validateDeprecation(version, `${field}.deprecationWarning`),
    ...(schema
      ? validateSchema(schema, Boolean(version.subresources?.status), `${field}.schema.openAPIV3Schema`)
      : []),
    ...validateScale(version.subresources?.scale, `${field}.subresources.scale`),
    ...(version.additionalPrinterColumns ?? []).flatMap((column, index) =>
      validateColumn(column, `${field}.additionalPrinterColumns[${index}]`),
    ),
    ...validateSelectable(version, `${field}.selectableFields`),
  ];
}

function validateSchema(schema: JSONSchemaProps, hasStatus: boolean, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (hasStatus) errors.push(...validateStatusRoot(schema, field));
  if (schema.nullable) errors.push(forbidden(`${field}.nullable`, 'nullable cannot be true at the root'));
  errors.push(...validateOpenApiSchema(schema, field));
  const structural = validateStructural(schema, field);
  errors.push(...(structural.length > 0 ? structural : validateDefaults(schema, field)));
  errors.push(...checkRules(schema, field));
  return errors;
}

/** What may stand at the root so that the schema of the status can be taken out of it. */
const rootFields = [
  ...['description', 'type', 'format', 'title', 'maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum'],
  ...['maxLength', 'minLength', 'pattern', 'maxItems', 'minItems', 'uniqueItems', 'multipleOf', 'required'],
  ...['items', 'properties', 'externalDocs', 'example', 'x-kubernetes-preserve-unknown-fields'],
  'x-kubernetes-validations',
];

function validateStatusRoot(schema: JSONSchemaProps, field: string): FieldError[] {
  if (schema.type && schema.type !== 'object') {
    const text =
      'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    return [invalid(`${field}.type`, schema.type, text)];
  }
  const strangers = Object.entries(schema).filter(
    ([name, value]) => value !== undefined && value !== false && !rootFields.includes(name),
  );
  if (strangers.length === 0) return [];
  const goNames = rootFields.map(goName).join(' ');
  const text = `only [${goNames}] fields are allowed at the root of the schema if the status subresource is enabled`;
  return [invalid(field, schema, text)];
}

/** `x-kubernetes-validations` → `XValidations`. */
function goName(name: string): string {
  const words = name.startsWith('x-') ? `x-${name.slice('x-kubernetes-'.length)}` : name;
  return words.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function validateDeprecation(
  { deprecated, deprecationWarning: warning }: CustomResourceDefinitionVersion,
  field: string,
): FieldError[] {
  if (warning === undefined) return [];
  if (!deprecated) return [invalid(field, warning, 'can only be set for deprecated versions')];
  const errors: FieldError[] = [];
  if (warning.length > 256) errors.push(invalid(field, warning, 'must be <= 256 characters long'));
  if (warning === '') errors.push(invalid(field, warning, 'must not be an empty string'));
  const strange = warning.search(/[\p{C}\u2028\u2029]/u);
  if (strange >= 0) {
    const text = `must only contain printable UTF-8 characters; non-printable character found at index ${strange}`;
    errors.push(invalid(field, warning, text));
  }
  return errors;
}

function validateColumn(column: CustomResourceColumnDefinition, field: string): FieldError[] {
  const { name, type, format, jsonPath } = column;
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${field}.name`));
  if (!type) errors.push(required(`${field}.type`, `must be one of ${columnTypes.join(',')}`));
  else if (!columnTypes.includes(type))
    errors.push(invalid(`${field}.type`, type, `must be one of ${columnTypes.join(',')}`));
  if (format && !columnFormats.includes(format))
    errors.push(invalid(`${field}.format`, format, `must be one of ${columnFormats.join(',')}`));
  if (!jsonPath) errors.push(required(`${field}.jsonPath`));
  else errors.push(...validatePath(jsonPath, `${field}.jsonPath`));
  return errors;
}

function validatePath(path: string, field: string): FieldError[] {
  if (!path.startsWith('.')) return [invalid(field, path, 'must be a simple json path starting with .')];
  return isPath(path) ? [] : [invalid(field, path, 'is an invalid path')];
}

function validateScale(scale: CustomResourceSubresourceScale | undefined, field: string): FieldError[] {
  if (!scale) return [];
  const check = (name: keyof CustomResourceSubresourceScale, roots: readonly string[], text: string) => {
    const path = scale[name];
    const at = `${field}.${name}`;
    if (!path) return name === 'labelSelectorPath' ? [] : [required(at)];
    const errors = validatePath(path, at);
    if (errors.length > 0) return errors;
    return roots.some((root) => path.startsWith(`.${root}.`))
      ? []
      : [invalid(at, path, `should be a json path under ${text}`)];
  };
  return [
    ...check('specReplicasPath', ['spec'], '.spec'),
    ...check('statusReplicasPath', ['status'], '.status'),
    ...check('labelSelectorPath', ['spec', 'status'], 'either .spec or .status'),
  ];
}

const mostSelectable = 8;

/** Upstream: `ValidateCustomResourceSelectableFields` (KEP-4358). */
function validateSelectable(version: CustomResourceDefinitionVersion, field: string): FieldError[] {
  const fields = version.selectableFields ?? [];
  const errors = fields.length > mostSelectable ? [tooMany(field, fields.length, mostSelectable)] : [];
  const seen = new Set<string>();
  for (const [index, { jsonPath }] of fields.entries()) {
    const at = `${field}[${index}].jsonPath`;
    if (!jsonPath) {
      errors.push(required(at));
      continue;
    }
    if (seen.has(jsonPath)) errors.push(duplicate(at, jsonPath));
    seen.add(jsonPath);
    errors.push(...selectableErrors(version, jsonPath, at));
  }
  return errors;
}

function selectableErrors(version: CustomResourceDefinitionVersion, path: string, at: string): FieldError[] {
  if (!/^(\.[A-Za-z_][\w-]*)+$/.test(path)) return [invalid(at, path, 'is an invalid path')];
  const names = path.slice(1).split('.');
  if (names[0] === 'metadata') return [invalid(at, path, 'must not point to fields in metadata')];
  let schema = version.schema?.openAPIV3Schema;
  for (const name of names) schema = itemsOf(schema) ? undefined : propertyOf(schema, name);
  if (!schema) return [invalid(at, path, 'is an invalid path')];
  if (['string', 'boolean', 'integer'].includes(schema.type ?? '')) return [];
  const text =
    'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
  return [invalid(at, path, text)];
}
