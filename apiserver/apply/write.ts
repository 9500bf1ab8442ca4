import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import type { CustomRules } from '../registry/strategy.ts';
import { type Fields, insert } from './fields.ts';
import type { FieldWrite } from './manage.ts';
import { scaleVersion } from './scale.ts';
import { shapeOfSchema } from './schema-shape.ts';
import { shapeOf } from './shape.ts';

/** What is written, and how. */
export interface WriteTarget {
  resource: Resource;
  /** The resource under the group version of the request. */
  as: Resource;
  subresource?: string | undefined;
  /** How that version is read, where its fields are its own. */
  custom?: Pick<CustomRules, 'type' | 'schema'> | undefined;
}

/** What a write is to those who keep count of fields. */
export function fieldWrite(target: WriteTarget, manager: string, now: Date): FieldWrite {
  const { resource, as, subresource, custom } = target;
  const { type = resource.type, schema } = custom ?? {};
  return {
    shape: schema ? shapeOfSchema(schema) : shapeOf(type),
    typed: !schema,
    kind: as.kind,
    apiVersion: apiVersionOf(as),
    ...(subresource ? { subresource } : {}),
    serves: (apiVersion) => serves(resource, as, apiVersion),
    manager,
    reset: resetFields(resource, subresource),
    time: `${now.toISOString().slice(0, 19)}Z`,
  };
}

/** The same of the subresource `scale`, whose fields are its own. */
export function scaleWrite(write: FieldWrite): FieldWrite {
  return {
    ...write,
    shape: shapeOf('Scale'),
    typed: true,
    kind: 'Scale',
    apiVersion: scaleVersion,
    serves: (apiVersion) => apiVersion === scaleVersion,
  };
}

function serves(resource: Resource, as: Resource, apiVersion: string): boolean {
  if (apiVersion === apiVersionOf(as) || apiVersion === apiVersionOf(resource)) return true;
  // The versions of a custom kind are of one group, whichever they are.
  if (resource.stored) return apiVersion.startsWith(`${resource.group}/`);
  return (resource.alsoServed ?? []).some(
    ({ group = resource.group, version }) => apiVersion === apiVersionOf({ ...resource, group, version }),
  );
}

/** The client's name for itself where it names no manager: `kubectl` of `kubectl/v1.33.0 (linux/amd64)`. */
export function managerOf(fieldManager: string | null, userAgent: string | undefined): string {
  if (fieldManager) return fieldManager;
  const [product = ''] = (userAgent ?? '').split('/');
  const printable = product.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '');
  return Buffer.from(printable)
    .subarray(0, longestManager)
    .toString()
    .replace(/\uFFFD+$/, '');
}

/** Bytes. Upstream: `FieldManagerMaxLength`. */
export const longestManager = 128;

/** Fields that a write of a resource, or of a part of it, does not change. Upstream: the strategies' `GetResetFields`. */
function resetFields(resource: Resource, subresource: string | undefined): Fields {
  const key = subresource ? `${resource.name}/${subresource}` : resource.status ? 'status' : '';
  let fields = resets.get(key);
  if (!fields) {
    fields = setOf(paths[key] ?? (subresource === 'status' ? [['spec']] : []));
    resets.set(key, fields);
  }
  return fields;
}

const resets = new Map<string, Fields>();

const paths: Readonly<Record<string, readonly (readonly string[])[]>> = {
  // Of a kind that has a status of its own, written as a whole.
  status: [['status']],
  'deployments/status': [['spec'], ['metadata', 'labels']],
  'pods/status': [['spec'], ['metadata', 'deletionTimestamp'], ['metadata', 'ownerReferences']],
  'certificatesigningrequests/approval': [['spec'], ['status', 'certificate']],
  'namespaces/finalize': [['status']],
};

function setOf(names: readonly (readonly string[])[]): Fields {
  const set: Fields = {};
  for (const path of names)
    insert(
      set,
      path.map((name) => `f:${name}`),
    );
  return set;
}
