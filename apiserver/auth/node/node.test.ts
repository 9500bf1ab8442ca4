import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../api/object.ts';
import { type Resource, resources } from '../../../api/scheme.ts';
import type { Node, Pod } from '../../../api/types.ts';
import type { ResourceAttributes } from '../attributes.ts';
import { createMemoryCache, someone } from '../testing.ts';
import { createNodeAuthorizer } from './authorize.ts';
import { followPods } from './pods.ts';
import { createNodeRestriction } from './restriction.ts';

const node = (name: string) => someone(`system:node:${name}`, 'system:nodes', 'system:authenticated');

const pod: Pod = {
  metadata: { name: 'web', namespace: 'ns0', uid: 'u1' },
  spec: {
    nodeName: 'node0',
    serviceAccountName: 'builder',
    imagePullSecrets: [{ name: 'pull' }],
    containers: [
      {
        name: 'c',
        env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'in-env', key: 'a' } } }],
        envFrom: [{ configMapRef: { name: 'env' } }],
      },
    ],
    volumes: [
      { name: 'a', secret: { secretName: 'in-volume' } },
      { name: 'b', projected: { sources: [{ configMap: { name: 'projected' } }] } },
      { name: 'c', persistentVolumeClaim: { claimName: 'claim' } },
      { name: 'd', ephemeral: {} },
    ],
  },
};

const asked = (
  verb: string,
  what: string,
  name?: string,
  namespace = 'ns0',
  group = '',
): ResourceAttributes => {
  const [resource = '', subresource] = what.split('/');
  return {
    verb,
    group,
    resource,
    namespace,
    ...(subresource ? { subresource } : {}),
    ...(name ? { name } : {}),
  };
};

const unrelated = "no relationship found between node 'node0' and this object";

// From upstream's `plugin/pkg/auth/authorizer/node/node_authorizer_test.go`.
describe('a node', () => {
  const deciding = async (...objects: (readonly [Resource, KubeObject])[]) => {
    const memory = createMemoryCache(objects);
    return { ...memory, ...createNodeAuthorizer(await followPods(memory.cache)) };
  };

  it.each<[ResourceAttributes, true | string]>([
    [asked('get', 'configmaps', 'env'), true],
    [asked('watch', 'configmaps', 'projected'), true],
    [asked('list', 'secrets', 'in-env'), true],
    [asked('get', 'secrets', 'in-volume'), true],
    [asked('get', 'secrets', 'pull'), true],
    [asked('get', 'secrets', 'pull', 'ns1'), unrelated],
    [asked('get', 'secrets', 'env'), unrelated],
    [asked('list', 'secrets'), 'No Object name found'],
    [asked('list', 'secrets', undefined, ''), 'can only read namespaced object of this type'],
    [asked('delete', 'secrets', 'pull'), 'can only read resources of this type'],
    [asked('get', 'secrets/x', 'pull'), 'cannot read subresource'],
    [asked('get', 'persistentvolumeclaims', 'claim'), true],
    [asked('get', 'persistentvolumeclaims', 'web-d'), true],
    [asked('get', 'persistentvolumeclaims', 'other'), unrelated],
    [asked('list', 'persistentvolumeclaims', 'claim'), 'can only get individual resources of this type'],
    [asked('patch', 'persistentvolumeclaims/status', 'claim'), true],
    [asked('get', 'persistentvolumes', 'any', ''), unrelated],
    [asked('create', 'serviceaccounts/token', 'builder'), true],
    [asked('create', 'serviceaccounts/token', 'default'), unrelated],
    [asked('get', 'serviceaccounts', 'builder'), 'can only create tokens for individual service accounts'],
    [asked('create', 'serviceaccounts', 'builder'), 'can only create token subresource of serviceaccount'],
    [asked('create', 'leases', undefined, 'kube-node-lease', 'coordination.k8s.io'), true],
    [asked('update', 'leases', 'node0', 'kube-node-lease', 'coordination.k8s.io'), true],
    [
      asked('update', 'leases', 'node1', 'kube-node-lease', 'coordination.k8s.io'),
      'can only access node lease with the same name as the requesting node',
    ],
    [
      asked('get', 'leases', 'node0', 'ns0', 'coordination.k8s.io'),
      'can only access leases in the "kube-node-lease" system namespace',
    ],
    [
      asked('list', 'leases', undefined, 'kube-node-lease', 'coordination.k8s.io'),
      'can only get, create, update, patch, or delete a node lease',
    ],
    [asked('patch', 'pods/status', 'web'), true],
    [asked('watch', 'pods', undefined, ''), true],
    [asked('update', 'pods', 'web'), ''],
    [asked('create', 'pods/exec', 'web'), ''],
    [asked('list', 'endpointslices', undefined, '', 'discovery.k8s.io'), ''],
  ])('asks for %o: %s', async (attributes, expected) => {
    const { authorize } = await deciding([resources.pods, pod]);
    expect(authorize(node('node0'), attributes)).toEqual(
      expected === true ? { allowed: true, reason: '' } : { allowed: false, reason: expected },
    );
  });

  it('may read what its pods need, from when they come to when they go', async () => {
    const { authorize, put, remove } = await deciding();
    const may = (name: string) => authorize(node(name), asked('get', 'secrets', 'pull')).allowed;
    expect(may('node0')).toBe(false);
    put(resources.pods, pod);
    expect([may('node0'), may('node1')]).toEqual([true, false]);
    put(resources.pods, { ...pod, spec: { ...pod.spec, nodeName: 'node1' } } as Pod);
    expect([may('node0'), may('node1')]).toEqual([false, true]);
    remove(resources.pods, 'web', 'ns0');
    expect([may('node0'), may('node1')]).toEqual([false, false]);
  });

  it('is one by its name and its group', async () => {
    const { authorize } = await deciding([resources.pods, pod]);
    const wanted = asked('get', 'secrets', 'pull');
    expect(authorize(someone('system:node:node0'), wanted)).toEqual({ allowed: false, reason: '' });
    expect(authorize(someone('node0', 'system:nodes'), wanted)).toEqual({ allowed: false, reason: '' });
    expect(authorize(node(''), wanted).reason).toBe('unknown node for user "system:node:"');
  });
});

// From upstream's `plugin/pkg/admission/noderestriction/admission_test.go`.
describe('a node is kept from', () => {
  const self: Node = { metadata: { name: 'node0', uid: 'n0', labels: { a: 'b' } }, spec: {} };
  const { cache } = createMemoryCache([
    [resources.pods, pod],
    [
      resources.pods,
      {
        ...pod,
        metadata: { ...pod.metadata, name: 'far', uid: 'u2' },
        spec: { ...pod.spec, nodeName: 'node1' },
      } as Pod,
    ],
    [resources.nodes, self],
  ]);
  const restriction = createNodeRestriction(cache.lookup);
  const me = node('node0');
  const writing = (resource: Resource, object: KubeObject, old?: KubeObject) => () =>
    restriction.write(resource, object, old, me);
  const node0 = (change: Partial<Node['metadata']> = {}, spec: Node['spec'] = {}) =>
    ({ metadata: { ...self.metadata, ...change }, spec }) as Node;

  it("other nodes' objects", () => {
    expect(writing(resources.nodes, node0(), self)).not.toThrow();
    expect(writing(resources.nodes, node0({ name: 'node1' }), self)).toThrow(
      'nodes "node1" is forbidden: node "node0" is not allowed to modify node "node1"',
    );
    const lease = (name: string, namespace: string) => ({ metadata: { name, namespace } });
    expect(writing(resources.leases, lease('node0', 'kube-node-lease'))).not.toThrow();
    expect(writing(resources.leases, lease('node1', 'kube-node-lease'))).toThrow(
      'can only access node lease with the same name as the requesting node',
    );
  });

  it('labels and taints that draw pods', () => {
    const labelled = (labels: Record<string, string>) => node0({ labels: { a: 'b', ...labels } });
    for (const label of [
      'my.com/role',
      'kubernetes.io/os',
      'topology.kubernetes.io/zone',
      'kubelet.kubernetes.io/x',
    ])
      expect(writing(resources.nodes, labelled({ [label]: 'x' }), self), label).not.toThrow();
    for (const label of [
      'node-role.kubernetes.io/control-plane',
      'foo.k8s.io/x',
      'node-restriction.kubernetes.io/x',
      'x.node-restriction.kubernetes.io/x',
    ]) {
      expect(writing(resources.nodes, labelled({ [label]: 'x' }), self), label).toThrow(
        `is not allowed to modify labels: ${label}`,
      );
      expect(writing(resources.nodes, labelled({ [label]: 'x' })), label).toThrow(
        `node "node0" is not allowed to set the following labels: ${label}`,
      );
      expect(writing(resources.nodes, self, labelled({ [label]: 'x' })), label).toThrow('modify labels');
      expect(writing(resources.nodes, labelled({ [label]: 'x' }), labelled({ [label]: 'x' }))).not.toThrow();
    }
    const tainted = node0({}, { taints: [{ key: 'a', effect: 'NoSchedule' }] });
    expect(writing(resources.nodes, tainted)).not.toThrow();
    expect(writing(resources.nodes, tainted, self)).toThrow('node "node0" is not allowed to modify taints');
    const owned = node0({ ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'x', uid: 'y' }] });
    expect(writing(resources.nodes, owned, self)).toThrow('is not allowed to modify ownerReferences');
  });

  it('pods of other nodes', () => {
    const far = cache.lookup.get(resources.pods, 'far', 'ns0');
    expect(writing(resources.pods, pod, pod)).not.toThrow();
    expect(writing(resources.pods, pod, far)).toThrow(
      'node "node0" can only update pod status for pods with spec.nodeName set to itself',
    );
    const relabelled = { ...pod, metadata: { ...pod.metadata, labels: { a: 'b' } } };
    expect(writing(resources.pods, relabelled, pod)).toThrow('cannot update labels through pod status');
    const request = (verb: string, what: string, name: string) => () =>
      restriction.request(me, asked(verb, what, name));
    expect(request('delete', 'pods', 'web')).not.toThrow();
    expect(request('create', 'pods/eviction', 'web')).not.toThrow();
    expect(request('delete', 'pods', 'far')).toThrow(
      'pods "far" is forbidden: node "node0" can only delete pods with spec.nodeName set to itself',
    );
    expect(request('create', 'pods/eviction', 'far')).toThrow(
      'node node0 can only evict pods with spec.nodeName set to itself',
    );
    expect(request('delete', 'pods', 'none')).toThrow('pods "none" not found');
    expect(() => restriction.request(someone('jane'), asked('delete', 'pods', 'far'))).not.toThrow();
  });

  it('pods that are no mirrors of its own', () => {
    const owner = { apiVersion: 'v1', kind: 'Node', name: 'node0', uid: 'n0', controller: true };
    const mirror = (change: Partial<Pod['metadata']> = {}, spec: Partial<Pod['spec']> = {}) =>
      writing(resources.pods, {
        metadata: {
          name: 'm',
          namespace: 'ns0',
          annotations: { 'kubernetes.io/config.mirror': 'x' },
          ownerReferences: [owner],
          ...change,
        },
        spec: { nodeName: 'node0', containers: [], ...spec },
      } as Pod);
    expect(mirror()).not.toThrow();
    expect(mirror({ annotations: {} })).toThrow(
      'pods "m" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "node0" can only create mirror pods',
    );
    expect(mirror({}, { nodeName: 'node1' })).toThrow(
      'can only create pods with spec.nodeName set to itself',
    );
    expect(mirror({ ownerReferences: [] })).toThrow(
      'can only create pods with an owner reference set to itself',
    );
    expect(mirror({ ownerReferences: [owner, owner] })).toThrow('a single owner reference');
    expect(mirror({ ownerReferences: [{ ...owner, controller: false }] })).toThrow(
      'a controller owner reference',
    );
    expect(mirror({ ownerReferences: [{ ...owner, blockOwnerDeletion: true }] })).toThrow(
      'blockOwnerDeletion',
    );
    expect(mirror({ ownerReferences: [{ ...owner, uid: 'n1' }] })).toThrow(
      'node node0 UID mismatch: expected n1 got n0',
    );
    expect(mirror({}, { serviceAccountName: 'default' })).toThrow('reference a service account');
    expect(mirror({}, { imagePullSecrets: [{ name: 'a' }] })).toThrow('reference secrets');
    expect(mirror({}, { volumes: [{ name: 'a', configMap: { name: 'b' } }] })).toThrow(
      'reference configmaps',
    );
  });

  it('tokens that are not of its pods', () => {
    const token = (ref?: { kind?: string; name?: string; uid?: string }) => () =>
      restriction.token(me, 'builder', 'ns0', {
        spec: {
          audiences: [],
          ...(ref ? { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...ref } } : {}),
        },
      });
    expect(token({ name: 'web', uid: 'u1' })).not.toThrow();
    expect(token()).toThrow(
      'serviceaccounts "builder" is forbidden: node requested token not bound to a pod',
    );
    expect(token({ name: 'web', uid: 'u1', kind: 'Secret' })).toThrow('not bound to a pod');
    expect(token({ name: 'web' })).toThrow('node requested token with a pod binding without a uid');
    expect(token({ name: 'web', uid: 'u9' })).toThrow(
      'the UID in the bound object reference (u9) does not match',
    );
    expect(token({ name: 'far', uid: 'u2' })).toThrow(
      'node requested token bound to a pod scheduled on a different node',
    );
  });
});
