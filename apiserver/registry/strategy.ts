import type { KubeObject } from '../../api/object.ts';
import type { Resource } from '../../api/scheme.ts';
import type { JSONSchemaProps, Scale } from '../../api/types.ts';
import type { Decoded, FieldValidation } from '../schema/decode.ts';

/** One thing wrong with one field, in upstream's words; becomes a `StatusCause`. Upstream: apimachinery `field.Error`. */
export interface FieldError {
  /** `FieldValueInvalid`, `FieldValueRequired`, `FieldValueDuplicate`, `FieldValueNotSupported`, `FieldValueForbidden`, … */
  reason: string;
  /** `spec.ports[0].port`. */
  field: string;
  /** The full text: `Invalid value: 0: must be between 1 and 65535, inclusive`. */
  message: string;
}

/** A cell of a Table row; `kubectl get` prints it as it is. */
export type Cell = string | number | boolean | null;

/** A column of the Table a kind is printed with. Upstream: `pkg/printers/internalversion/printers.go`. */
export interface Column<T> {
  name: string;
  type: 'string' | 'integer' | 'number' | 'date' | 'boolean';
  format?: string;
  description?: string;
  /** 0 is always shown, 1 only with `-o wide`. */
  priority: number;
  /** `now` in milliseconds since the epoch, for ages. */
  cell(object: T, now: number): Cell;
}

/** Read access to what is stored now, for rules that look beyond one object. Served from memory. */
export interface Lookup {
  get<T extends KubeObject>(resource: Resource<T>, name: string, namespace?: string): T | undefined;
  list<T extends KubeObject>(resource: Resource<T>, namespace?: string): Iterable<T>;
}

/** What a write may need from its surroundings. */
export interface WriteContext {
  lookup: Lookup;
  /** Who writes. */
  user: {
    name: string;
    groups: readonly string[];
    uid?: string;
    extra?: Readonly<Record<string, readonly string[]>>;
  };
  /** What part of an object is written; absent: the object itself. */
  subresource?: string;
  dryRun: boolean;
  /** In which a client wrote, where that is not the one the kind is stored in: `v1beta1`. */
  version?: string;
  now: Date;
  /** Adds a `Warning` header (RFC 7234, code 299). */
  warn(message: string): void;
}

/**
 * The rules of one kind beyond its row in the scheme: all optional, all pure but for allocation. A write
 * runs `defaults` → `prepare` → `validate` (→ `allocate`), then is stored. Upstream: `rest.RESTCreateStrategy`,
 * `rest.RESTUpdateStrategy`.
 */
export interface Strategy<T extends KubeObject = KubeObject> {
  resource: Resource<T>;
  /** Waited for before any of the rules: loads what this object's need, which is rare. */
  ready?(object: T): Promise<unknown> | undefined;
  /** Fills absent fields, in place. Upstream: `pkg/apis/<group>/<version>/defaults.go`. */
  defaults?(object: T): void;
  /** Drops what a client may not set, carries over what it may not change, in place. `old` is absent on create. */
  prepare?(object: T, old: T | undefined, context: WriteContext): void;
  /** The same for a write of the status subresource; default: everything but `status` is taken from `old`. */
  prepareStatus?(object: T, old: T, context: WriteContext): void;
  /** The same for a write of the `approval` subresource, for the kind that has one. */
  prepareApproval?(object: T, old: T, context: WriteContext): void;
  validate?(object: T, old: T | undefined, context: WriteContext): FieldError[];
  /**
   * Takes what the object needs from a shared pool (ClusterIPs, node ports), in place; called with writes
   * of this kind one at a time. Throws `StatusError`. Returns the function that gives it back if the write fails.
   */
  allocate?(object: T, old: T | undefined, context: WriteContext): (() => void) | undefined;
  /** What the first DELETE makes of an object, a new one: to add a finalizer. */
  prepareDelete?(object: T, now: Date): T;
  /** Called after an object is gone from storage. */
  release?(object: T): void;
  /** Grace period and the like: true when DELETE must only mark the object (deletionTimestamp), not remove it. */
  graceful?(object: T, gracePeriodSeconds: number | undefined): { gracePeriodSeconds: number } | undefined;
  /** Field selector values beyond `metadata.name` and `metadata.namespace`. */
  selectableFields?(object: T): Record<string, string>;
  /** By group that the kind is served in with other fields: what it calls those of `selectableFields`. */
  fieldLabels?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  columns?: readonly Column<T>[];
  /** What a kind needs that is described by a CustomResourceDefinition, not by `api/schema.json`. */
  custom?: CustomRules;
}

/** How one version of a custom kind is read and shown. */
export interface CustomRules {
  /** As `decode` of `schema/decode.ts`, by the schema of the version. @throws StatusError BadRequest */
  decode(value: unknown, mode: FieldValidation, duplicates: readonly string[]): Decoded;
  /** In `api/schema.json`, of what has a type there: it says how patches are merged. */
  type?: string;
  /** Of a kind that a CustomResourceDefinition describes. */
  schema?: JSONSchemaProps;
  /**
   * Waited for before stored objects are presented, where a webhook converts them. Upstream: `pkg/apiserver/conversion`.
   * @throws StatusError InternalError where it fails
   */
  prepare?(objects: readonly KubeObject[]): Promise<void>;
  /** What is to be stored of an object of this version, where a webhook converts it. */
  toStored?(object: KubeObject): Promise<KubeObject>;
  /** What is stored as clients of this version read it; a new object. */
  present(object: KubeObject): KubeObject;
  /** Where the subresource `scale` is. */
  scale?: {
    read(object: KubeObject): Scale;
    write(object: KubeObject, replicas: number): void;
    /** Names of the fields that lead to the replicas in a version: `apps.example/v1`; absent where there are none. */
    pathIn(apiVersion: string): readonly string[] | undefined;
  };
  /** Fires when the definition changed: watches end, and begin anew by what it says now. */
  ended: AbortSignal;
}
