import type { Client } from '../api/client.ts';
import type { KubeObject } from '../api/object.ts';
import { apiVersionOf, type Resource } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';

/** What became of one object of a manifest. */
export interface Applied {
  object: KubeObject;
  action: 'created' | 'configured' | 'unchanged';
}

/**
 * Creates every object of a manifest, or brings an existing one to what it says, in the manifest's order.
 * Objects without a namespace go to `namespace`. Throws the API's StatusError, with the object named, for
 * the first one refused.
 */
export async function applyManifest(
  client: Client,
  manifest: string | readonly KubeObject[],
  namespace = 'default',
): Promise<Applied[]> {
  const objects = typeof manifest === 'string' ? await parseManifest(manifest) : manifest;
  const done: Applied[] = [];
  for (const object of objects) done.push(await applyObject(client, object, namespace));
  return done;
}

/** The objects of a YAML or JSON text: several documents, and lists, are taken apart. */
export async function parseManifest(text: string): Promise<KubeObject[]> {
  const { parseAllDocuments } = await import('../api/yaml.ts');
  const objects: KubeObject[] = [];
  for (const [index, document] of [...parseAllDocuments(text)].entries()) {
    const [error] = document.errors;
    if (error) throw new Error(`document ${index + 1}: ${error.message}`);
    const value: unknown = document.toJS();
    if (value !== null && value !== undefined) objects.push(...asObjects(value, index + 1));
  }
  return objects;
}

function asObjects(value: unknown, document: number): KubeObject[] {
  const object = value as KubeObject & { items?: unknown[] };
  if (typeof value !== 'object' || !object.kind || !object.apiVersion) {
    throw new Error(`document ${document}: a Kubernetes object needs apiVersion and kind`);
  }
  if (object.kind.endsWith('List') && Array.isArray(object.items)) {
    return object.items.flatMap((item) => asObjects(item, document));
  }
  return [object];
}

async function applyObject(client: Client, given: KubeObject, namespace: string): Promise<Applied> {
  const { findResource, isKnown } = await import('./discovery.ts');
  const resource = await findResource(client, given);
  const object = resource.namespaced ? { ...given, metadata: { namespace, ...given.metadata } } : given;
  try {
    return { object: await client.create(resource, object), action: 'created' };
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
  const { name = '', namespace: home } = object.metadata ?? {};
  const ref = { name, ...(home ? { namespace: home } : {}) };
  const before = await client.get(resource, ref);
  const after = await client.patch(resource, ref, isKnown(resource) ? 'strategic' : 'merge', object);
  const same = before.metadata?.resourceVersion === after.metadata?.resourceVersion;
  return { object: after, action: same ? 'unchanged' : 'configured' };
}

/** `deployment/hostnames`, `pods` → the row and the name. Accepts plural, singular and short names. */
export function parseTarget(
  resources: readonly Resource[],
  target: string,
): { resource: Resource; name?: string } {
  const found = matchTarget(resources, target);
  if (!found) throw unknownTarget(resources, target);
  return found;
}

/** The same, or undefined where no row has that name. */
export function matchTarget(
  resources: readonly Resource[],
  target: string,
): { resource: Resource; name?: string } | undefined {
  const [kind = '', name] = target.split('/');
  const wanted = kind.toLowerCase();
  const resource = resources.find(
    (row) =>
      row.name === wanted ||
      row.singular === wanted ||
      (row.shortNames ?? []).includes(wanted) ||
      `${row.name}.${row.group}` === wanted,
  );
  if (!resource) return undefined;
  return name ? { resource, name } : { resource };
}

export function unknownTarget(resources: readonly Resource[], target: string): Error {
  const known = resources.map((row) => `${row.name} (${apiVersionOf(row)})`).join(', ');
  const [kind = ''] = target.split('/');
  return new Error(`unknown resource ${JSON.stringify(kind)}; known are ${known}`);
}
