import { resources } from '../../api/scheme.ts';
import { statusError } from '../../api/status.ts';
import type {
  AuthenticationTokenRequest,
  Binding,
  Eviction,
  Pod,
  PodCondition,
  ServiceAccount,
} from '../../api/types.ts';
import type { NodeRestriction } from '../auth/node/restriction.ts';
import type { BoundObject, Tokens } from '../auth/tokens.ts';
import { conflict, invalid, missing } from '../registry/pipeline/failures.ts';
import { timestamp } from '../registry/pipeline/metadata.ts';
import type { Mutation, Ref, Request } from '../registry/registry.ts';
import type { Entry } from '../storage/entry.ts';
import { admitPart, connectOptions, isConnect } from './admission-parts.ts';
import { readObject } from './body.ts';
import { evictPod } from './eviction.ts';
import type { Kubelets } from './kubelet.ts';
import { type Call, methodNotAllowed, requestOf, type Serving, serveObjects, warner } from './objects.ts';
import type { PodStream } from './pod-streams.ts';
import { parseFieldValidation } from './query.ts';
import { sendJson } from './respond.ts';
import { unknownPath } from './target.ts';

export interface SubresourceOptions extends Serving {
  tokens: Tokens;
  issuer: string;
  now(): Date;
  kubelets: Kubelets;
  restriction: NodeRestriction;
}

/** `status`, `scale`, `approval`, `binding`, `eviction`, `token`, `finalize`, and what kubelets and pods answer. @throws StatusError NotFound for any other */
export async function serveSubresource(serving: SubresourceOptions, call: Call): Promise<void> {
  const { resource, subresource } = call.target;
  const { admission } = call;
  if (admission && isConnect(call.target)) await admitPart(call, 'CONNECT', connectOptions(call));
  // A custom kind may be called as one of these.
  switch (resource.stored ? undefined : `${resource.name}/${subresource}`) {
    case 'namespaces/finalize':
      if (call.verb !== 'update') throw methodNotAllowed();
      return serveObjects(serving, call);
    case 'pods/binding':
      return bind(serving, call);
    case 'pods/eviction':
      return evict(serving, call);
    case 'serviceaccounts/token':
      return issueToken(serving, call);
    case 'pods/log':
    case 'pods/exec':
    case 'pods/attach':
    case 'pods/portforward': {
      const { servePodStream } = await import('./pod-streams.ts');
      return servePodStream(serving, serving.kubelets, call, subresource as PodStream);
    }
    case 'pods/proxy':
    case 'services/proxy':
    case 'nodes/proxy': {
      const { serveProxy } = await import('./proxy-targets.ts');
      return serveProxy(serving, serving.kubelets, call);
    }
  }
  const isPart =
    (subresource === 'status' && resource.status) ||
    isApproval(call) ||
    (resource === resources.pods && ['ephemeralcontainers', 'resize'].includes(subresource ?? ''));
  if (isPart) {
    if (!['get', 'update', 'patch'].includes(call.verb)) throw methodNotAllowed();
    return serveObjects(serving, call);
  }
  if (subresource === 'scale' && resource.scale) {
    const { serveScale } = await import('./scale.ts');
    return serveScale(serving, call);
  }
  throw unknownPath();
}

/** The part of a certificate signing request that decides about it. */
function isApproval({ target: { resource, subresource } }: Call): boolean {
  return subresource === 'approval' && resource === resources.certificatesigningrequests;
}

const refOf = ({ target: { name = '', namespace } }: Call): Ref => ({
  name,
  ...(namespace ? { namespace } : {}),
});

/** Whoever was asked about what was posted is not asked about what comes of it. */
const unasked = ({ admission: _, ...request }: Request): Request => request;

/** Puts a pod on a node, once. Upstream: `pkg/registry/core/pod/storage` `BindingREST`. */
export async function bind(serving: SubresourceOptions, call: Call, name?: string): Promise<void> {
  if (call.verb !== 'create') throw methodNotAllowed();
  const type = { apiVersion: 'v1', kind: 'Binding', type: 'Binding' };
  const sent = await readObject(call.request, type, parseFieldValidation(call.query), warner(call));
  const binding = await admitPart(call, 'CREATE', sent as Binding);
  const ref = { ...refOf(call), name: name ?? call.target.name ?? binding.metadata?.name ?? '' };
  const { target } = binding;
  if (!target?.name || (target.kind && target.kind !== 'Node')) {
    throw invalid({ ...resources.pods, kind: 'Binding' }, ref.name, [
      target?.name
        ? {
            reason: 'FieldValueNotSupported',
            field: 'target.kind',
            message: `Unsupported value: ${JSON.stringify(target.kind)}: supported values: "Node", "<empty>"`,
          }
        : { reason: 'FieldValueRequired', field: 'target.name', message: 'Required value' },
    ]);
  }
  const mutate: Mutation = (current) => {
    const pod = structuredClone(current) as Pod;
    const problem = pod.metadata?.deletionTimestamp
      ? `pod ${ref.name} is being deleted, cannot be assigned to a host`
      : pod.spec?.nodeName
        ? `pod ${ref.name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`
        : undefined;
    if (problem) throw conflict({ ...resources.pods, name: 'pods/binding' }, ref.name, problem);
    return assigned(pod, binding, serving.now());
  };
  await serving.registry.update(resources.pods, ref, mutate, unasked(requestOf(call)), {
    subresource: 'binding',
  });
  sendCreated(call);
}

function assigned(pod: Pod, { metadata = {}, target }: Binding, now: Date): Pod {
  const scheduled: PodCondition = {
    type: 'PodScheduled',
    status: 'True',
    lastTransitionTime: timestamp(now),
  };
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== scheduled.type);
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(metadata.annotations
        ? { annotations: { ...pod.metadata?.annotations, ...metadata.annotations } }
        : {}),
    },
    spec: { containers: [], ...pod.spec, nodeName: target.name ?? '' },
    status: { ...pod.status, conditions: [...others, scheduled] },
  };
}

/** A DELETE of a pod that respects disruption budgets. */
async function evict(serving: SubresourceOptions, call: Call): Promise<void> {
  if (call.verb !== 'create') throw methodNotAllowed();
  const type = {
    apiVersion: 'policy/v1',
    // Of clients before 1.22, with the same fields.
    alsoTakes: 'policy/v1beta1',
    kind: 'Eviction',
    type: 'Eviction',
  };
  const sent = await readObject(call.request, type, parseFieldValidation(call.query), warner(call));
  const { deleteOptions = {} } = await admitPart(call, 'CREATE', sent as Eviction);
  const request = unasked(requestOf(call, deleteOptions));
  await evictPod(serving, refOf(call), deleteOptions, request, serving.now());
  sendCreated(call);
}

const shortestToken = 600;
const longestToken = 2 ** 32;

/** TokenRequest. Upstream: `pkg/registry/core/serviceaccount/storage/token.go`. */
async function issueToken(serving: SubresourceOptions, call: Call): Promise<void> {
  if (call.verb !== 'create') throw methodNotAllowed();
  const { cache, tokens, issuer, now } = serving;
  const { name, namespace = '' } = refOf(call);
  const type = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    type: 'AuthenticationTokenRequest',
  };
  const sent = await readObject(call.request, type, parseFieldValidation(call.query), warner(call));
  const asked = await admitPart(call, 'CREATE', sent as AuthenticationTokenRequest);
  serving.restriction.token(call.user, name, namespace, asked);
  const account = cache.get(resources.serviceaccounts, name, namespace);
  if (!account) throw missing(resources.serviceaccounts, name);
  const seconds = asked.spec?.expirationSeconds ?? 3600;
  if (seconds < shortestToken || seconds > longestToken) {
    const limit =
      seconds < shortestToken
        ? 'may not specify a duration less than 10 minutes'
        : 'may not specify a duration larger than 2^32 seconds';
    throw statusError(
      'Invalid',
      `TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: ${seconds}: ${limit}`,
      { group: 'authentication.k8s.io', kind: 'TokenRequest' },
    );
  }
  const audiences = asked.spec?.audiences?.length ? asked.spec.audiences : [issuer];
  const bound = boundObject(serving, asked, name, namespace);
  const at = now();
  const token = tokens.issue({
    serviceAccount: account.object as ServiceAccount,
    audiences,
    expirationSeconds: seconds,
    now: at,
    ...(bound ? { bound } : {}),
  });
  sendJson(call.response, 201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace, creationTimestamp: timestamp(at) },
    spec: { ...asked.spec, audiences, expirationSeconds: seconds },
    status: { token, expirationTimestamp: timestamp(new Date(at.getTime() + seconds * 1000)) },
  });
}

function boundObject(
  { cache }: Serving,
  { spec }: AuthenticationTokenRequest,
  account: string,
  namespace: string,
): BoundObject | undefined {
  const ref = spec?.boundObjectRef;
  if (!ref) return undefined;
  const rows = { Pod: resources.pods, Node: resources.nodes, Secret: resources.secrets } as const;
  const kind = ref.kind as keyof typeof rows;
  const resource = rows[kind];
  if (!resource) {
    throw statusError(
      'BadRequest',
      `cannot bind token for serviceaccount ${JSON.stringify(account)} to object of kind ${JSON.stringify(ref.kind ?? '')}`,
    );
  }
  const name = ref.name ?? '';
  const entry: Entry | undefined = cache.get(resource, name, resource.namespaced ? namespace : undefined);
  if (!entry) throw missing(resource, name);
  const { uid = '' } = entry.object.metadata ?? {};
  if (ref.uid && ref.uid !== uid) {
    throw conflict(
      resource,
      name,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  const user = kind === 'Pod' ? ((entry.object as Pod).spec?.serviceAccountName ?? 'default') : account;
  if (user !== account) {
    throw statusError(
      'BadRequest',
      `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
    );
  }
  return { kind, name, uid };
}

/** What a subresource that makes something answers that nobody can read back. */
function sendCreated({ response }: Call): void {
  sendJson(response, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
}
