import { apiVersionOf, type Resource, resources } from '../../../api/scheme.ts';
import { found } from './found.ts';

/**
 * Every kind this apiserver serves: those of the scheme, which the project's components know by their types, then those
 * whose row stands beside their rules, in a file of this folder.
 */
export const allResources: readonly Resource[] = [
  ...new Set<Resource>([
    ...Object.values(resources),
    ...found.flatMap((one) => (typeof one === 'function' ? [] : [one.resource as Resource])),
  ]),
];

/** The rows as clients see them: once for every group version, `stored` is the row of the table. */
export const servedResources: readonly { served: Resource; stored: Resource }[] = allResources.flatMap(
  (stored) => [
    { served: stored, stored },
    ...(stored.alsoServed ?? []).map((other) => ({ served: { ...stored, ...other }, stored })),
  ],
);

/** The row of an apiVersion and kind, or undefined. */
export function resourceOf(apiVersion: string, kind: string): Resource | undefined {
  return allResources.find((resource) => resource.kind === kind && apiVersionOf(resource) === apiVersion);
}
