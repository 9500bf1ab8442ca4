import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  ObjectMeta,
} from '../../api/types.ts';
import { validateMetadata } from '../registry/kinds/validation/metadata.ts';
import { wantsOther } from '../registry/pipeline/metadata.ts';
import type { CustomRules, FieldError, Strategy } from '../registry/strategy.ts';
import { columnsOf } from './columns.ts';
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
): Promise<CustomKind> {
  const end = new AbortController();
  const ending = Boolean(definition.metadata?.deletionTimestamp);
  const versions: CustomVersion[] = [];
  for (const version of definition.spec.versions) {
    const resource = rows.get(version.name);
    if (!resource) continue;
    const schema = version.schema?.openAPIV3Schema;
    const strategy = createStrategy(resource, version, end.signal, ending);
    versions.push({ resource, served: version.served, strategy, schema });
  }
  const stored = versions.find(({ resource }) => resource.stored === resource)?.resource;
  if (!stored) throw new Error(`${definition.metadata?.name} has no storage version`);
  return { definition, stored, versions, end: () => end.abort() };
}

/** Upstream: `pkg/registry/customresource/strategy.go`, `status_strategy.go`, `validator.go`. */
function createStrategy(
  resource: Resource,
  version: CustomResourceDefinitionVersion,
  ended: AbortSignal,
  ending: boolean,
): Strategy {
  const schema = version.schema?.openAPIV3Schema ?? {};
  const { status, scale } = version.subresources ?? {};
  const rules: CustomRules = {
    ended,
    decode: (value, mode, duplicates) => decodeCustom(resource, schema, value, mode, duplicates),
    present(object) {
      const { apiVersion: _, kind, ...rest } = structuredClone(object);
      const shown = { apiVersion: apiVersionOf(resource), kind: kind ?? resource.kind, ...rest };
      normalize(shown, schema);
      return shown;
    },
    ...(scale ? { scale: scaleRules(scale) } : {}),
  };
  const paths = version.selectableFields?.map(({ jsonPath }) => jsonPath) ?? [];

  function validate(object: KubeObject): FieldError[] {
    const { metadata: _, ...rest } = object;
    return [
      ...validateValue({ ...rest, metadata: object.metadata ?? {} }, schema),
      ...validateListTypes(rest, schema),
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
    validate: (object, old) => [...validateMetadata(resource, object, old), ...validate(object)],
    selectableFields: (object) =>
      Object.fromEntries(
        paths.map((path) => {
          const [value] = lookUp(object, path);
          return [path.replace(/^\./, ''), value === undefined ? '' : String(value)];
        }),
      ),
  };
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
