import { type KubeObject, matchesLabelSelector } from '../../../api/object.ts';
import { apiVersionOf, type Resource } from '../../../api/scheme.ts';
import type { ParamKind, ParamRef } from '../../../api/types.ts';
import type { Lookup } from '../../registry/strategy.ts';

/** The row of a kind that somebody names, custom kinds included. */
export type FindKind = (apiVersion: string, kind: string) => Resource | undefined;

/**
 * What a policy is to be evaluated with: once for each, undefined where it takes none. Upstream:
 * `policy/generic/policy_dispatcher.go` CollectParams.
 *
 * @throws Error where a binding and its policy do not fit, in upstream's words
 */
export function collectParams(
  paramKind: ParamKind | undefined,
  ref: ParamRef | undefined,
  namespace: string,
  find: FindKind,
  lookup: Lookup,
): (KubeObject | undefined)[] {
  if (!paramKind) return [undefined];
  const { apiVersion = '', kind = '' } = paramKind;
  const resource = find(apiVersion, kind);
  if (!resource) {
    const title = `${apiVersion}, Kind=${kind}`;
    throw new Error(`failed to find resource referenced by paramKind: '${title}'`);
  }
  if (!ref) return [undefined];
  if (ref.namespace && !resource.namespaced) {
    throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
  }
  const place = resource.namespaced ? ref.namespace || namespace : undefined;
  if (place === '') {
    throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
  }
  if (ref.name && ref.selector) {
    throw new Error('paramRef.name and paramRef.selector are mutually exclusive');
  }
  const found = paramsIn(lookup, resource, place, ref);
  if (found.length === 0 && ref.parameterNotFoundAction === 'Deny') {
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
  }
  return found.map((object) => ({ ...object, apiVersion: apiVersionOf(resource), kind: resource.kind }));
}

function paramsIn(
  lookup: Lookup,
  resource: Resource,
  namespace: string | undefined,
  { name, selector }: ParamRef,
): KubeObject[] {
  if (name) {
    const one = lookup.get(resource, name, namespace);
    return one ? [one] : [];
  }
  return [...lookup.list(resource, namespace)].filter(
    ({ metadata }) => selector && matchesLabelSelector(selector, metadata?.labels ?? {}),
  );
}
