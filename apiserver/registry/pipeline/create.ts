import type { KubeObject } from '../../../api/object.ts';
import type { Resource } from '../../../api/scheme.ts';
import { createEntry, type Entry, encodeValue } from '../../storage/entry.ts';
import { storageKey } from '../../storage/keys.ts';
import { admitByQuota } from '../kinds/quota/admit-quota.ts';
import { type Admission, type Backend, type Request, writeContext } from '../registry.ts';
import type { Strategy, WriteContext } from '../strategy.ts';
import { alreadyExists, badRequest, invalid } from './failures.ts';
import { admitIntoNamespace } from './lifecycle.ts';
import { generateName, hasGeneration, keptFields, prepareMetadata, setManagedFields } from './metadata.ts';

/** How often another generated name is tried. Upstream: `maxNameGenerationCreateAttempts`. */
const attempts = 8;

/** Stores a new object; `object` becomes the registry's own and is changed. */
export async function createObject(
  backend: Backend,
  resource: Resource,
  object: KubeObject,
  namespace: string | undefined,
  request: Request,
): Promise<Entry> {
  const strategy = backend.strategyOf(resource);
  const context = writeContext(backend, request);
  if (object.metadata?.resourceVersion) {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  if (strategy?.ready) await strategy.ready(object);
  const named = Boolean(object.metadata?.name);
  const sent = object.metadata?.managedFields;
  prepareMetadata(resource, object, namespace, context.now);
  const { metadata = {} } = object;
  admitIntoNamespace(context.lookup, resource, metadata.name ?? '', namespace);
  if (hasGeneration(resource)) metadata.generation = 1;
  strategy?.defaults?.(object);
  const managedFields = request.manage?.(undefined, object, sent, context.now);
  strategy?.prepare?.(object, undefined, context);
  setManagedFields(object, managedFields);
  const { admission } = request;
  if (admission) await mutateNew(admission, object, named, strategy, context);
  const name = object.metadata?.name ?? '';
  if (!name) {
    throw invalid(resource, '', [
      {
        reason: 'FieldValueRequired',
        field: 'metadata.name',
        message: 'Required value: name or generateName is required',
      },
    ]);
  }
  if (backend.cache.get(resource, name, namespace) && named) throw alreadyExists(resource, name);
  const errors = strategy?.validate?.(object, undefined, context) ?? [];
  if (errors.length > 0) throw invalid(resource, name, errors);
  const written = admitByQuota(context.lookup, resource, object, request.dryRun);
  let giveBack: (() => void) | undefined;
  let kept = false;
  try {
    giveBack = strategy?.allocate?.(object, undefined, context);
    if (admission) await admission.validate({ operation: 'CREATE', name, object: structuredClone(object) });
    const entry = await store(backend, resource, object, named, request);
    kept = !request.dryRun;
    return entry;
  } finally {
    written();
    if (!kept) giveBack?.();
  }
}

/** Has webhooks change an object, in place; what they leave out is filled in again. */
async function mutateNew(
  admission: Admission,
  object: KubeObject,
  named: boolean,
  strategy: Strategy | undefined,
  context: WriteContext,
): Promise<void> {
  const { name = '', uid, creationTimestamp, namespace, generation, managedFields } = object.metadata ?? {};
  const { uid: _, creationTimestamp: __, generation: ___, name: ____, ...sent } = object.metadata ?? {};
  const shown = structuredClone({ ...object, metadata: { ...(named ? { name } : {}), ...sent } });
  const wanted = named ? name : '';
  const changed = await admission.mutate({ operation: 'CREATE', name: wanted, object: shown });
  if (!changed) return;
  for (const field of Object.keys(object)) Reflect.deleteProperty(object, field);
  Object.assign(object, changed);
  const own = { name: changed.metadata?.name || name, uid, creationTimestamp };
  object.metadata = { ...changed.metadata, ...definedOf({ ...own, namespace, generation }) };
  strategy?.defaults?.(object);
  strategy?.prepare?.(object, undefined, context);
  setManagedFields(object, keptFields(changed, managedFields, context));
}

const definedOf = (fields: object) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

async function store(
  { storage, cache, strategyOf }: Backend,
  resource: Resource,
  object: KubeObject,
  named: boolean,
  { dryRun }: Request,
): Promise<Entry> {
  const { metadata = {} } = object;
  const { toStored } = strategyOf(resource)?.custom ?? {};
  for (let attempt = 1; ; attempt++) {
    const { name = '', namespace } = metadata;
    const key = storageKey(resource, name, namespace);
    const value = encodeValue(resource, (await toStored?.(object)) ?? object);
    if (dryRun) return createEntry(resource, key, 0, value);
    const { ok, revision } = await storage.put(key, value, 0);
    if (ok) {
      await cache.reached(revision);
      return cache.get(resource, name, namespace) ?? createEntry(resource, key, revision, value);
    }
    if (named || attempt === attempts) throw alreadyExists(resource, name);
    metadata.name = generateName(metadata.generateName ?? '');
  }
}
