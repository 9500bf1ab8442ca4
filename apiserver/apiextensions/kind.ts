import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  ObjectMeta,
} from '../../api/types.ts';
import { invalid } from '../registry/kinds/validation/field.ts';
import { validateMetadata } from '../registry/kinds/validation/metadata.ts';
import { wantsOther } from '../registry/pipeline/metadata.ts';
import type { CustomRules, FieldError, Lookup, Strategy } from '../registry/strategy.ts';
import { evaluateRules } from './cel/evaluate.ts';
import { hasRules, loadCel } from './cel/library.ts';
import { columnsOf } from './columns.ts';
import type { Converter } from './conversion.ts';
import { decodeCustom, normalize } from './decode.ts';
import { lookUp } from './json-path.ts';
import type { CustomKind, CustomVersion } from './kinds.ts';
import { scaleRules } from './scale.ts';
import { validateListTypes } from './schema/list-types.ts';
import { validateValue } from './schema/validate.ts';
import { terminating } from './terminating.ts';

/** What is served of a definition, in all of its versions. `rows` by name of the version. */
export async function createKind(
  definition: CustomResourceDefinition,
  rows: ReadonlyMap<string, Resource>,
  lookup: Lookup,
): Promise<CustomKind> {
  const end = new AbortController();
  const versions: CustomVersion[] = [];
  const schemas = definition.spec.versions.map(({ schema }) => schema?.openAPIV3Schema);
  if (schemas.some(hasRules)) await loadCel();
  const convert =
    definition.spec.conversion?.strategy === 'Webhook'
      ? (await import('./conversion.ts')).createConverter(definition, lookup)
      : undefined;
  for (const version of definition.spec.versions) {
    const resource = rows.get(version.name);
    if (!resource) continue;
    const schema = version.schema?.openAPIV3Schema;
    const rules = createStrategy(resource, version, definition, end.signal);
    const strategy = convert ? converted(rules, convert) : rules;
    versions.push({ resource, served: version.served, strategy, schema });
  }
  const stored = versions.find(({ resource }) => resource.stored === resource)?.resource;
  if (!stored) throw new Error(`${definition.metadata?.name} has no storage version`);
  return { definition, stored, versions, end: () => end.abort() };
}

/** A version that a webhook makes of what is stored, some of it perhaps when another was, and turns into what is to be stored. */
function converted(strategy: Strategy, convert: Converter): Strategy {
  const { resource, custom } = strategy;
  const { stored } = resource;
  if (!custom || !stored) return strategy;
  const own = apiVersionOf(resource);
  const known = new WeakMap<KubeObject, KubeObject>();
  const rules: CustomRules = {
    ...custom,
    async prepare(objects) {
      const missing = objects.filter((one) => one.apiVersion !== own && !known.has(one));
      const made = await convert(missing, resource);
      for (const [index, object] of missing.entries()) known.set(object, made[index] ?? object);
    },
    async toStored(object) {
      const shown = { ...object, apiVersion: own, kind: resource.kind };
      const [made = shown] = await convert([shown], stored);
      return made;
    },
    present(object) {
      const made = object.apiVersion === own ? object : known.get(object);
      if (!made)
        throw new Error(`${resource.name} ${object.metadata?.name}: shown in ${own} before it was converted`);
      return custom.present(made);
    },
  };
  // The rules of a version look at objects of that version alone.
  return { ...strategy, custom: rules };
}

/** Upstream: `pkg/registry/customresource/strategy.go`, `status_strategy.go`, `validator.go`. */
function createStrategy(
  resource: Resource,
  version: CustomResourceDefinitionVersion,
  definition: CustomResourceDefinition,
  ended: AbortSignal,
): Strategy {
  const ending = Boolean(definition.metadata?.deletionTimestamp);
  const schema = version.schema?.openAPIV3Schema ?? {};
  const { status, scale } = version.subresources ?? {};
  const rules: CustomRules = {
    ended,
    schema,
    decode: (value, mode, duplicates) => decodeCustom(resource, schema, value, mode, duplicates),
    present(object) {
      const { apiVersion: _, kind, ...rest } = structuredClone(object);
      const shown = { apiVersion: apiVersionOf(resource), kind: kind ?? resource.kind, ...rest };
      normalize(shown, schema);
      return shown;
    },
    ...(scale ? { scale: scaleRules(scale, definition) } : {}),
  };
  const paths = version.selectableFields?.map(({ jsonPath }) => jsonPath) ?? [];

  const ruled = hasRules(schema);

  function validate(object: KubeObject, old: KubeObject | undefined): FieldError[] {
    const { metadata = {}, ...rest } = object;
    const errors = ratcheted(
      [...validateValue({ ...rest, metadata }, schema), ...validateListTypes(rest, schema)],
      { ...rest, metadata },
      old && rules.present(old),
    );
    if (!ruled) return errors;
    if (errors.length > 0) return [...errors, unchecked];
    return evaluateRules(visible(object), old && visible(rules.present(old)), schema);
  }

  /** What an object was wrong in before it may stay wrong in, where it is as it was (KEP-4008). */
  function ratcheted(errors: FieldError[], object: KubeObject, old: KubeObject | undefined): FieldError[] {
    if (errors.length === 0 || !old) return errors;
    const known = new Set(validateListTypes(old, schema).map(({ field, message }) => `${field}: ${message}`));
    return [
      ...validateValue(object, schema, '', { value: old }),
      ...validateListTypes(object, schema).filter(({ field, message }) => !known.has(`${field}: ${message}`)),
    ];
  }

  return {
    resource,
    custom: rules,
    columns: columnsOf(version.additionalPrinterColumns),
    prepare(object, old) {
      if (!old) {
        if (ending) throw terminating();
        if (status) setStatus(object, undefined);
        setGeneration(object, 1);
        return;
      }
      const before = rules.present(old);
      if (status) setStatus(object, statusOf(before));
      const generation = old.metadata?.generation ?? 0;
      if (changed(object, before, Boolean(status))) setGeneration(object, generation + 1);
    },
    prepareStatus(object, old) {
      setStatus(object, statusOf(object));
      const { resourceVersion } = object.metadata ?? {};
      object.metadata = { ...old.metadata, ...(resourceVersion ? { resourceVersion } : {}) };
    },
    validate: (object, old) => [...validateMetadata(resource, object, old), ...validate(object, old)],
    selectableFields: (object) =>
      Object.fromEntries(
        paths.map((path) => {
          const [value] = lookUp(object, path);
          return [path.replace(/^\./, ''), value === undefined ? '' : String(value)];
        }),
      ),
  };
}

/** Upstream: `ValidateCustomResource` of the strategy, where the schema was not kept to. */
const unchecked: FieldError = invalid(
  '<nil>',
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
);

/** Of metadata rules see the names alone. */
function visible({ metadata = {}, ...rest }: KubeObject): KubeObject {
  const { name, generateName } = metadata;
  return { ...rest, metadata: { ...(name ? { name } : {}), ...(generateName ? { generateName } : {}) } };
}

const statusOf = (object: KubeObject & { status?: unknown }) => object.status;

function setStatus(object: KubeObject & { status?: unknown }, status: unknown): void {
  if (status === undefined) delete object.status;
  else object.status = status;
}

function setGeneration(object: KubeObject, generation: number): void {
  object.metadata = { ...(object.metadata as ObjectMeta), generation };
}

/** Without the subresource, a status is as good as any other field. */
function changed(object: KubeObject, old: KubeObject, hasStatus: boolean): boolean {
  if (wantsOther(object, old)) return true;
  const wrap = (one: KubeObject) => ({ value: statusOf(one) });
  return !hasStatus && wantsOther(wrap(object) as KubeObject, wrap(old) as KubeObject);
}
