import { type EndpointSliceBeta, sliceFromBeta } from './endpoint-slice-beta.ts';
import type { KubeObject } from './object.ts';
import { apiVersionOf, type Resource } from './scheme.ts';

/** A group version that a server may have of a kind, and how its objects become those of the kind's own. */
export interface ReadableVersion<T extends KubeObject> {
  readonly resource: Resource<T>;
  /** Absent: they are as they should be. */
  readonly read?: (object: T) => T;
}

/**
 * The versions in which a kind can be read, its own first. What servers of before 1.21 have of a kind is often a
 * v1beta1 alone.
 */
export function readableVersions<T extends KubeObject>(resource: Resource<T>): readonly ReadableVersion<T>[] {
  const apiVersion = apiVersionOf(resource);
  const older = (resource.alsoServed ?? []).flatMap((other): ReadableVersion<T>[] => {
    const served = { ...resource, ...other };
    const convert = conversions[`${apiVersionOf(served)}/${resource.name}`];
    if (other.converted && !convert) return [];
    return [
      { resource: served, read: (object) => ({ ...((convert?.(object) as T) ?? object), apiVersion }) },
    ];
  });
  return [{ resource }, ...older];
}

const conversions: Readonly<Record<string, ((object: KubeObject) => KubeObject) | undefined>> = {
  'discovery.k8s.io/v1beta1/endpointslices': (slice) => sliceFromBeta(slice as EndpointSliceBeta),
};
