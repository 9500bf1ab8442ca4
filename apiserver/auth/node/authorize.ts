import type { Pod } from '../../../api/types.ts';
import { isResource, type ResourceAttributes } from '../attributes.ts';
import type { Decision, NodeAuthorizer } from '../authorize.ts';
import { allowedBy } from '../rbac/rules.ts';
import { nodeOf } from './identity.ts';
import type { PodsOf } from './pods.ts';
import { claimsOf, configMapsOf, secretsOf } from './references.ts';
import { nodeRules } from './rules.ts';

const allowed: Decision = { allowed: true, reason: '' };
const no = (reason: string): Decision => ({ allowed: false, reason });

/**
 * What a node may do: the same for all of them, except that Secrets, ConfigMaps, claims and ServiceAccounts are only
 * for nodes that run a pod which refers to them. Upstream: `plugin/pkg/auth/authorizer/node`.
 */
export function createNodeAuthorizer(podsOf: PodsOf, claimOf: ClaimOf = () => undefined): NodeAuthorizer {
  return {
    isNode: (user) => nodeOf(user) !== undefined,
    authorize(user, attributes) {
      const node = nodeOf(user);
      if (node === undefined) return no('');
      if (node === '') return no(`unknown node for user ${JSON.stringify(user.name)}`);
      const special = isResource(attributes) && restricted[`${attributes.resource}.${attributes.group}`];
      if (special) return special(attributes, node, podsOf);
      if (isResource(attributes) && attributes.resource === 'persistentvolumes' && !attributes.group) {
        return volumes(attributes, node, podsOf, claimOf(attributes.name ?? ''));
      }
      return nodeRules.some(allowedBy(attributes)) ? allowed : no('');
    },
  };
}

type Restriction = (asked: ResourceAttributes, node: string, podsOf: PodsOf) => Decision;

const restricted: Readonly<Record<string, Restriction | undefined>> = {
  'secrets.': readable((pod, name) => secretsOf(pod).has(name)),
  'configmaps.': readable((pod, name) => configMapsOf(pod).has(name)),
  'persistentvolumeclaims.': claims,
  'volumeattachments.storage.k8s.io': unrelated,
  'serviceaccounts.': serviceAccounts,
  'csinodes.storage.k8s.io': csiNodes,
  'leases.coordination.k8s.io': leases,
};

/** The claim that a volume is bound to. */
export type ClaimOf = (volume: string) => { namespace?: string; name?: string } | undefined;

/** Reading the volume of a claim that a pod of the node refers to. */
function volumes(
  { verb, subresource }: ResourceAttributes,
  node: string,
  podsOf: PodsOf,
  claim: ReturnType<ClaimOf>,
): Decision {
  if (verb !== 'get') return no('can only get individual resources of this type');
  if (subresource) return no('cannot get subresource');
  if (!claim?.name) return no(`no relationship found between node '${node}' and this object`);
  return related(claim.name, claim.namespace, node, podsOf, (pod, name) => claimsOf(pod).has(name));
}

/** Reading one object that a pod of the node refers to. */
function readable(refersTo: (pod: Pod, name: string) => boolean): Restriction {
  return ({ verb, subresource, namespace, name }, node, podsOf) => {
    if (!['get', 'list', 'watch'].includes(verb)) return no('can only read resources of this type');
    if (subresource) return no('cannot read subresource');
    if (!namespace) return no('can only read namespaced object of this type');
    return related(name, namespace, node, podsOf, refersTo);
  };
}

function claims({ verb, subresource, namespace, name }: ResourceAttributes, node: string, podsOf: PodsOf) {
  if (subresource === 'status') {
    if (verb !== 'update' && verb !== 'patch') return no('can only get/update/patch this type');
  } else {
    if (verb !== 'get') return no('can only get individual resources of this type');
    if (subresource) return no('cannot get subresource');
  }
  return related(name, namespace, node, podsOf, (pod, claim) => claimsOf(pod).has(claim));
}

function serviceAccounts(asked: ResourceAttributes, node: string, podsOf: PodsOf) {
  const { verb, subresource, namespace, name } = asked;
  if (verb !== 'create' || !name) return no('can only create tokens for individual service accounts');
  if (subresource !== 'token') return no('can only create token subresource of serviceaccount');
  return related(name, namespace, node, podsOf, ({ spec }, account) => spec?.serviceAccountName === account);
}

function leases({ verb, namespace, name }: ResourceAttributes, node: string) {
  if (!['get', 'create', 'update', 'patch', 'delete'].includes(verb)) {
    return no('can only get, create, update, patch, or delete a node lease');
  }
  if (namespace !== 'kube-node-lease') {
    return no('can only access leases in the "kube-node-lease" system namespace');
  }
  // The name of one that is created is in the body: see restriction.ts.
  if (verb === 'create' || name === node) return allowed;
  return no('can only access node lease with the same name as the requesting node');
}

function csiNodes({ verb, subresource, name }: ResourceAttributes, node: string) {
  if (!['get', 'create', 'update', 'patch', 'delete'].includes(verb)) {
    return no('can only get, create, update, patch, or delete a CSINode');
  }
  if (subresource) return no('cannot authorize CSINode subresources');
  if (verb === 'create' || name === node) return allowed;
  return no('can only access CSINode with the same name as the requesting node');
}

function unrelated(_: ResourceAttributes, node: string) {
  return no(`no relationship found between node '${node}' and this object`);
}

function related(
  name: string | undefined,
  namespace: string | undefined,
  node: string,
  podsOf: PodsOf,
  refersTo: (pod: Pod, name: string) => boolean,
): Decision {
  if (!name) return no('No Object name found');
  for (const pod of podsOf(node, namespace ?? '')) if (refersTo(pod, name)) return allowed;
  return no(`no relationship found between node '${node}' and this object`);
}
