import type { KubeObject } from '../../api/object.ts';
import { type Resource, resources } from '../../api/scheme.ts';
import type { DeleteOptions, ManagedFieldsEntry } from '../../api/types.ts';
import type { Cache } from '../storage/cache.ts';
import type { Entry } from '../storage/entry.ts';
import type { Storage } from '../storage/storage.ts';
import { createObject } from './pipeline/create.ts';
import { deleteObject } from './pipeline/delete.ts';
import { updateObject } from './pipeline/update.ts';
import type { Strategy, WriteContext } from './strategy.ts';

/** Who asks, and how. */
export interface Request {
  user: WriteContext['user'];
  /** `dryRun=All`: everything but the write. */
  dryRun: boolean;
  /** Of the path, where that is not the one the kind is stored in: `v1beta1`. */
  version?: string;
  /** Adds a `Warning` header. */
  warn(message: string): void;
  /** Whose fields they are that the write changes; absent: nobody's, as of the apiserver's own writes. */
  manage?: ManageFields;
  /** Webhooks and policies that are asked about the write; absent: nobody is. */
  admission?: Admission;
}

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** One write as it is shown to those who are asked about it. */
export interface AdmissionWrite {
  operation: Operation;
  /** What would be stored, in the version of the request; absent for a DELETE. */
  object?: KubeObject;
  /** What is there, in that version, too. */
  old?: KubeObject;
  /** Where it differs from that of the request; empty where it is still to be generated. */
  name?: string;
  /** Where they are not those of the request's query. */
  options?: object;
}

/** Those who are asked about a write. */
export interface Admission {
  /** The object as they want it, a new one, or undefined where they have nothing to change. @throws StatusError */
  mutate(write: AdmissionWrite): Promise<KubeObject | undefined>;
  /** Asked once the object is what would be stored. @throws StatusError of who refuses it */
  validate(write: AdmissionWrite): Promise<void>;
}

/**
 * Says who owns which fields after a write: the new `metadata.managedFields`. `live` is the object before, absent on
 * create; `sent` is what the body says of them. Called once defaults are filled in, before the rules of the kind.
 */
export type ManageFields = (
  live: KubeObject | undefined,
  next: KubeObject,
  sent: readonly ManagedFieldsEntry[] | undefined,
  now: Date,
) => readonly ManagedFieldsEntry[] | undefined;

export interface Ref {
  name: string;
  namespace?: string;
}

/** What a write works with. */
export interface Backend {
  storage: Pick<Storage, 'put' | 'delete'>;
  cache: Cache;
  strategyOf(resource: Resource): Strategy | undefined;
  now(): Date;
}

/** How {@link Registry.update} gets the new object: from the current one (for a patch), or regardless of it. */
export type Mutation = (current: KubeObject | undefined) => KubeObject;

export interface UpdateOptions {
  /** `status`, `finalize` of a namespace, `binding` of a pod, `approval` of a certificate, `ephemeralcontainers` and `resize` of a pod; absent: the object itself. */
  subresource?: 'status' | 'finalize' | 'binding' | 'approval' | 'ephemeralcontainers' | 'resize';
  /** A PUT may create objects of some kinds, as upstream's `AllowCreateOnUpdate`. */
  mayCreate?: boolean;
  /** A configuration is applied: what is not there is created. */
  applies?: boolean;
}

/** What a DELETE did: the object is gone, or only marked as upstream's graceful deletion and finalizers ask. */
export interface Deletion {
  removed: boolean;
  entry: Entry;
}

/**
 * The one way to change an object. A write runs the steps of upstream's generic registry
 * (`apiserver/pkg/registry/generic/registry/store.go`) around the rules that a kind states in its
 * {@link Strategy}. Failures are `StatusError`s in upstream's words.
 */
export interface Registry {
  create(
    resource: Resource,
    object: KubeObject,
    namespace: string | undefined,
    request: Request,
  ): Promise<Entry>;
  update(
    resource: Resource,
    ref: Ref,
    mutate: Mutation,
    request: Request,
    options?: UpdateOptions,
  ): Promise<{ entry: Entry; created: boolean }>;
  delete(resource: Resource, ref: Ref, options: DeleteOptions, request: Request): Promise<Deletion>;
}

export function createRegistry(options: {
  storage: Pick<Storage, 'put' | 'delete'>;
  cache: Cache;
  strategies: readonly Strategy[];
  /** Of kinds that come and go. */
  customStrategyOf?: (resource: Resource) => Strategy | undefined;
  now?: () => Date;
}): Registry {
  const { storage, cache, customStrategyOf, now = () => new Date() } = options;
  const strategies = new Map(options.strategies.map((strategy) => [strategy.resource, strategy]));
  const strategyOf = (resource: Resource) => strategies.get(resource) ?? customStrategyOf?.(resource);
  const backend: Backend = { storage, cache, now, strategyOf };
  const hasQuotas = (namespace: string) => {
    for (const _ of cache.lookup.list(resources.resourcequotas, namespace)) return true;
    return false;
  };
  const registry: Registry = {
    async create(resource, object, namespace, request) {
      const entry = await createObject(backend, resource, object, namespace, request);
      if (namespace && !request.dryRun && hasQuotas(namespace)) {
        const { chargeQuotas } = await import('./kinds/quota/charge-quota.ts');
        await chargeQuotas(registry, cache.lookup, resource, entry.object);
      }
      return entry;
    },
    update: (resource, ref, mutate, request, options = {}) =>
      updateObject(backend, resource, ref, mutate, request, options),
    delete: (resource, ref, options, request) => deleteObject(backend, resource, ref, options, request),
  };
  return registry;
}

export function writeContext(
  backend: Backend,
  request: Request,
  subresource?: UpdateOptions['subresource'],
): WriteContext {
  const { manage: _, admission: __, ...asked } = request;
  const context = { lookup: backend.cache.lookup, now: backend.now(), ...asked };
  return subresource ? { ...context, subresource } : context;
}
