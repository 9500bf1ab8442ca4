import type { PolicyRule } from '../../../api/types.ts';
import { type Attributes, isResource } from '../attributes.ts';

/** A question asked of many rules. Upstream: `RuleAllows` of `plugin/pkg/auth/authorizer/rbac/rbac.go`. */
export function allowedBy(attributes: Attributes): (rule: PolicyRule) => boolean {
  const { verb } = attributes;
  if (!isResource(attributes)) {
    const { path } = attributes;
    return ({ verbs, nonResourceURLs = [] }) =>
      covers(verbs, verb) && nonResourceURLs.some((url) => matchesUrl(url, path));
  }
  const { group, resource, subresource, name = '' } = attributes;
  const what = subresource ? `${resource}/${subresource}` : resource;
  const anyOf = subresource ? `*/${subresource}` : undefined;
  return ({ verbs, apiGroups, resources, resourceNames }) => {
    if (!apiGroups || !resources || !covers(verbs, verb) || !covers(apiGroups, group)) return false;
    if (!covers(resources, what) && !(anyOf && resources.includes(anyOf))) return false;
    return !resourceNames?.length || resourceNames.includes(name);
  };
}

/** `/healthz`, or what begins with `/healthz/` for `/healthz/*`. */
export function matchesUrl(url: string, path: string): boolean {
  if (url === '*' || url === path) return true;
  return url.endsWith('*') && path.startsWith(url.replace(/\*+$/, ''));
}

export const covers = (list: readonly string[] | undefined, one: string): boolean =>
  list !== undefined && (list.includes('*') || list.includes(one));
