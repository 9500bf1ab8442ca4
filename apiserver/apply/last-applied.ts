import type { KubeObject } from '../../api/object.ts';
import { compare } from './compare.ts';
import { fieldSetOf } from './field-set.ts';
import { difference, type Fields } from './fields.ts';
import { ShapeError } from './items.ts';
import type { Shape } from './shape.ts';

/** Where `kubectl apply` without `--server-side` remembers what it applied. */
const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** Upstream: `TotalAnnotationSizeLimitB`. */
const largestAnnotations = 256 * 1024;

/**
 * The fields that kubectl applied on its own side and that nobody changed since: it may go on to apply them on the
 * server's. Undefined where nothing is remembered. Upstream: `internal/lastappliedmanager.go`.
 */
export function allowedByLastApplied(shape: Shape, apiVersion: string, live: KubeObject): Fields | undefined {
  const text = live.metadata?.annotations?.[annotation];
  if (!text) return undefined;
  try {
    const last = JSON.parse(text) as KubeObject;
    if (last?.apiVersion !== apiVersion) return undefined;
    const { modified, added, removed } = compare(shape, last, live);
    return [modified, added, removed].reduce(difference, fieldSetOf(shape, last));
  } catch (error) {
    // An annotation is anybody's text: what cannot be read allows nothing.
    if (error instanceof SyntaxError || error instanceof ShapeError) return undefined;
    throw error;
  }
}

export function hasLastApplied({ metadata }: KubeObject): boolean {
  return Boolean(metadata?.annotations?.[annotation]);
}

/** With the annotation brought up to date, so that kubectl may go back. Upstream: `internal/lastappliedupdater.go`. */
export function withLastApplied(object: KubeObject, config: KubeObject): KubeObject {
  const { [annotation]: _, ...annotations } = config.metadata?.annotations ?? {};
  const bare = { ...config, metadata: { ...config.metadata, annotations } };
  if (config.metadata?.annotations === undefined)
    delete (bare.metadata as { annotations?: unknown }).annotations;
  const others = { ...object.metadata?.annotations };
  delete others[annotation];
  const updated = { ...others, [annotation]: `${JSON.stringify(inOrder(bare))}\n` };
  const size = Object.entries(updated).reduce((sum, [key, value]) => sum + Buffer.byteLength(key + value), 0);
  return {
    ...object,
    metadata: { ...object.metadata, annotations: size > largestAnnotations ? others : updated },
  };
}

/** Go writes the fields of a map in order of their names. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, inOrder(inner)]),
  );
}
