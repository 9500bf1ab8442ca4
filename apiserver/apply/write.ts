import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import { type Fields, insert } from './fields.ts';
import type { FieldWrite } from './manage.ts';

/**
 * What a write is to those who keep count of fields.
 *
 * @param as the resource under the group version of the request
 */
export function fieldWrite(
  resource: Resource,
  as: Resource,
  subresource: string | undefined,
  manager: string,
  now: Date,
): FieldWrite {
  return {
    // A custom kind may be called as one that has a model.
    type: resource.stored ? '' : resource.type,
    kind: as.kind,
    apiVersion: apiVersionOf(as),
    ...(subresource ? { subresource } : {}),
    serves: (apiVersion) => serves(resource, as, apiVersion),
    manager,
    reset: resetFields(resource, subresource),
    time: `${now.toISOString().slice(0, 19)}Z`,
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
