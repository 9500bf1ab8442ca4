import { resources } from '../../../api/scheme.ts';
import type { CustomResourceDefinition } from '../../../api/types.ts';
import type { Strategy } from '../../registry/strategy.ts';
import { customResourceDefinitionColumns } from '../../table/columns/others.ts';
import { hasRules, loadCel } from '../cel/library.ts';
import { isMap, type JsonMap } from '../schema/schema.ts';
import { setCondition } from './conditions.ts';
import { validateDefinition } from './validate.ts';

/** Held until the objects of a kind are gone. Upstream: `CustomResourceCleanupFinalizer`. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** Upstream: `pkg/registry/customresourcedefinition/strategy.go`, `pkg/apis/apiextensions/v1/defaults.go`. */
export const customResourceDefinitionStrategy: Strategy<CustomResourceDefinition> = {
  resource: resources.customresourcedefinitions,
  columns: customResourceDefinitionColumns,
  ready({ spec }) {
    const rules = spec?.versions?.some(({ schema }) => hasRules(schema?.openAPIV3Schema));
    return rules ? loadCel() : undefined;
  },
  defaults(definition) {
    const { spec } = definition;
    if (!spec) return;
    spec.scope ??= 'Namespaced';
    const { names } = spec;
    if (names?.kind) {
      names.singular ||= names.kind.toLowerCase();
      names.listKind ||= `${names.kind}List`;
    }
    spec.conversion ??= { strategy: 'None' };
    const service = spec.conversion.webhook?.clientConfig?.service;
    if (service) service.port ??= 443;
    for (const { schema } of spec.versions ?? []) if (schema) readInner(schema.openAPIV3Schema);
  },
  prepare(definition, old) {
    const storage = definition.spec?.versions?.find(({ storage }) => storage)?.name;
    if (!old) {
      definition.status = { storedVersions: storage ? [storage] : [] };
      return;
    }
    const status = structuredClone(old.status ?? {});
    const stored = status.storedVersions ?? [];
    if (storage && !stored.includes(storage)) status.storedVersions = [...stored, storage];
    definition.status = status;
  },
  /** Upstream: `pkg/registry/customresourcedefinition/etcd.go`. */
  prepareDelete(definition, now) {
    const { metadata = {} } = definition;
    const others = metadata.finalizers?.filter((one) => one !== cleanupFinalizer) ?? [];
    const pending = {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    };
    const marked = { ...definition, metadata: { ...metadata, finalizers: [...others, cleanupFinalizer] } };
    return setCondition(marked, pending, now);
  },
  validate: validateDefinition,
};

/** Schemas within `items` and `additionalProperties`, which may be something else: nulls mean nothing there either. */
function readInner(schema: unknown): void {
  if (!isMap(schema)) return;
  for (const key of Object.keys(schema)) if (schema[key] === null && key !== 'default') delete schema[key];
  for (const key of ['items', 'additionalProperties', 'not']) readInner(schema[key]);
  for (const key of ['allOf', 'anyOf', 'oneOf']) for (const one of listOf(schema, key)) readInner(one);
  if (isMap(schema.properties)) for (const one of Object.values(schema.properties)) readInner(one);
}

function listOf(schema: JsonMap, key: string): unknown[] {
  const value = schema[key];
  return Array.isArray(value) ? value : [];
}
