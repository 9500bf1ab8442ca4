import type { KubeObject } from '../object.ts';
import type { Resource } from '../scheme.ts';

type Row = Omit<Resource, 'version' | 'singular' | 'type' | 'object'> &
  Partial<Pick<Resource, 'version' | 'singular' | 'type'>>;

/** A row of the scheme with what most of them have: version `v1`, the kind's own name as type. */
export const row = <T extends KubeObject>(of: Row): Resource<T> => ({
  version: 'v1',
  singular: of.kind.toLowerCase(),
  type: of.kind,
  ...of,
});

/** Of 1.6 to 1.21; manifests and clients of that time use it. */
export const rbacBeta = (kind: string) => ({
  alsoServed: [
    {
      version: 'v1beta1',
      deprecation: `rbac.authorization.k8s.io/v1beta1 ${kind} is deprecated in v1.17+, unavailable in v1.22+; use rbac.authorization.k8s.io/v1 ${kind}`,
    },
  ],
});

/** A `v1beta1` that ended with 1.25. Those of 1.20 know no other. */
export const betaUntil125 = (group: string, kind: string, more: { readonly converted?: true } = {}) => ({
  alsoServed: [
    {
      ...more,
      version: 'v1beta1',
      deprecation: `${group}/v1beta1 ${kind} is deprecated in v1.21+, unavailable in v1.25+; use ${group}/v1 ${kind}`,
    },
  ],
});
