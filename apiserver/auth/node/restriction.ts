import type { KubeObject } from '../../../api/object.ts';
import { type Resource, resources } from '../../../api/scheme.ts';
import type { AuthenticationTokenRequest, Lease, Node, Pod } from '../../../api/types.ts';
import { isSameValue } from '../../registry/kinds/validation/same.ts';
import { forbidden, missing } from '../../registry/pipeline/failures.ts';
import type { Lookup } from '../../registry/strategy.ts';
import { type Attributes, isResource } from '../attributes.ts';
import type { User } from '../user.ts';
import { nodeOf } from './identity.ts';
import { forbiddenLabels } from './labels.ts';
import { claimsOf, configMapsOf, secretsOf } from './references.ts';

/**
 * Keeps nodes to what is their own where rights alone cannot, since it takes a look at the object: their Node, Lease
 * and pods. Others pass. All throw StatusError Forbidden. Upstream: `plugin/pkg/admission/noderestriction`.
 */
export interface NodeRestriction {
  /** What can be seen from the request alone: deleting and evicting pods. */
  request(user: User, attributes: Attributes): void;
  /** A create, or an update where there is an `old` one, of the object or its status. */
  write(resource: Resource, object: KubeObject, old: KubeObject | undefined, user: User): void;
  /** A token of the ServiceAccount `name`. */
  token(user: User, name: string, namespace: string, request: AuthenticationTokenRequest): void;
}

export function createNodeRestriction(lookup: Lookup): NodeRestriction {
  const podOf = (name: string, namespace: string | undefined): Pod => {
    const pod = lookup.get(resources.pods, name, namespace);
    if (!pod) throw missing(resources.pods, name);
    return pod;
  };

  return {
    request(user, attributes) {
      const node = nodeOf(user);
      if (node === undefined || !isResource(attributes)) return;
      const { verb, group, resource, subresource, name = '', namespace } = attributes;
      if (group !== '' || resource !== 'pods') return;
      const isEviction = verb === 'create' && subresource === 'eviction';
      if (!isEviction && verb !== 'delete') return;
      if (podOf(name, namespace).spec?.nodeName === node) return;
      const text = isEviction
        ? `node ${node} can only evict pods with spec.nodeName set to itself`
        : `node "${node}" can only delete pods with spec.nodeName set to itself`;
      throw forbidden(resources.pods, name, text);
    },

    write(resource, object, old, user) {
      const node = nodeOf(user);
      if (node === undefined) return;
      const problem = problemOf(resource, object, old, node, lookup);
      if (problem) throw forbidden(resource, object.metadata?.name ?? '', problem);
    },

    token(user, name, namespace, { spec }) {
      const node = nodeOf(user);
      if (node === undefined) return;
      const { kind, apiVersion, name: podName, uid } = spec?.boundObjectRef ?? {};
      const refuse = (text: string) => forbidden(resources.serviceaccounts, name, text);
      if (apiVersion !== 'v1' || kind !== 'Pod' || !podName) {
        throw refuse('node requested token not bound to a pod');
      }
      if (!uid) throw refuse('node requested token with a pod binding without a uid');
      const pod = podOf(podName, namespace);
      const actual = pod.metadata?.uid;
      if (uid !== actual) {
        throw refuse(
          `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
        );
      }
      if (pod.spec?.nodeName !== node)
        throw refuse('node requested token bound to a pod scheduled on a different node');
    },
  };
}

function problemOf(
  resource: Resource,
  object: KubeObject,
  old: KubeObject | undefined,
  node: string,
  lookup: Lookup,
): string | undefined {
  switch (resource) {
    case resources.pods:
      return old
        ? podStatusProblem(object as Pod, old as Pod, node)
        : mirrorProblem(object as Pod, node, lookup);
    case resources.nodes:
      return nodeProblem(object as Node, old as Node | undefined, node);
    case resources.leases: {
      const { name, namespace } = (object as Lease).metadata ?? {};
      if (namespace !== 'kube-node-lease')
        return 'can only access leases in the "kube-node-lease" system namespace';
      return name === node
        ? undefined
        : 'can only access node lease with the same name as the requesting node';
    }
    default:
      return undefined;
  }
}

function podStatusProblem(pod: Pod, old: Pod, node: string): string | undefined {
  if (old.spec?.nodeName !== node) {
    return `node "${node}" can only update pod status for pods with spec.nodeName set to itself`;
  }
  if (isSameValue(pod.metadata?.labels ?? {}, old.metadata?.labels ?? {})) return undefined;
  return `node "${node}" cannot update labels through pod status`;
}

const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** A node may show the pods of its own manifests, which refer to nothing in the API. */
function mirrorProblem(pod: Pod, node: string, lookup: Lookup): string | undefined {
  const { metadata, spec } = pod;
  const who = `node "${node}"`;
  if (metadata?.annotations?.[mirrorAnnotation] === undefined) {
    return `pod does not have "${mirrorAnnotation}" annotation, ${who} can only create mirror pods`;
  }
  if (spec?.nodeName !== node) return `${who} can only create pods with spec.nodeName set to itself`;
  const [owner, ...others] = metadata.ownerReferences ?? [];
  if (others.length > 0) return `${who} can only create pods with a single owner reference set to itself`;
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    return `${who} can only create pods with an owner reference set to itself`;
  if (!owner.controller) return `${who} can only create pods with a controller owner reference set to itself`;
  if (owner.blockOwnerDeletion) return `${who} must not set blockOwnerDeletion on an owner reference`;
  const self = lookup.get(resources.nodes, node);
  if (!self) throw missing(resources.nodes, node);
  const { uid = '' } = self.metadata ?? {};
  if (owner.uid !== uid) return `node ${node} UID mismatch: expected ${owner.uid} got ${uid}`;
  const mayNot = (what: string) => `${who} can not create pods that reference ${what}`;
  if (spec.serviceAccountName) return mayNot('a service account');
  if (secretsOf(pod).size > 0) return mayNot('secrets');
  if (configMapsOf(pod).size > 0) return mayNot('configmaps');
  return claimsOf(pod).size > 0 ? mayNot('persistentvolumeclaims') : undefined;
}

function nodeProblem(object: Node, old: Node | undefined, node: string): string | undefined {
  const { metadata = {}, spec } = object;
  if (metadata.name !== node) return `node "${node}" is not allowed to modify node "${metadata.name}"`;
  const labels = forbiddenLabels(metadata.labels, old?.metadata?.labels);
  if (!old) {
    if (spec?.configSource) return `node "${node}" is not allowed to create pods with a non-nil configSource`;
    if (labels.length > 0)
      return `node "${node}" is not allowed to set the following labels: ${labels.join(', ')}`;
    return undefined;
  }
  if (spec?.configSource && !isSameValue(spec.configSource, old.spec?.configSource))
    return `node "${node}" is not allowed to update configSource to a new non-nil configSource`;
  if (!isSameValue(spec?.taints ?? [], old.spec?.taints ?? []))
    return `node "${node}" is not allowed to modify taints`;
  if (!isSameValue(metadata.ownerReferences ?? [], old.metadata?.ownerReferences ?? []))
    return `node "${node}" is not allowed to modify ownerReferences`;
  return labels.length > 0 ? `is not allowed to modify labels: ${labels.join(', ')}` : undefined;
}
