import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../api/client.ts';
import { type Resource, resources } from '../../api/scheme.ts';
import type {
  ClusterRole,
  SelfSubjectReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

let server: TestApiserver;
const clients = new Map<string, Client>();

beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  for (const client of clients.values()) (await client).close();
  expect(server.failures).toEqual([]);
  await server.stop();
});

/** A client with a certificate of that name. */
function as(name: string, ...groups: string[]): Client {
  const known = clients.get(name);
  if (known) return known;
  const made = createClient({ server: server.url, ca: server.pki.ca, ...server.pki.client(name, groups) });
  clients.set(name, made);
  return made;
}

const namespace = 'default';
const pods = { apiGroups: [''], resources: ['pods'] };

async function bind(name: string, role: string, user: string, within = namespace): Promise<void> {
  await server.client.create(resources.rolebindings, {
    metadata: { name, namespace: within },
    roleRef: { kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'User', name: user }],
  });
}

const ask = <T>(client: Client, path: string, spec: object, headers = {}): Promise<T> =>
  client.request<T>('POST', `/apis/${path}`, { spec }, headers);

describe('a new cluster', () => {
  const names = async (resource: Resource) => {
    const { items } = await server.client.list(resource);
    return items.map(({ metadata }) => metadata?.name);
  };

  it('has the roles and bindings of upstream', async () => {
    const roles = await names(resources.clusterroles);
    expect(roles).toHaveLength(65);
    expect(roles).toEqual(expect.arrayContaining(['admin', 'cluster-admin', 'system:node', 'view']));
    expect(await names(resources.clusterrolebindings)).toHaveLength(46);
    expect((await names(resources.roles)).length).toBe((await names(resources.rolebindings)).length);
  });

  it('has aggregated roles that hold all they select', async () => {
    const rules = async (name: string) =>
      ((await server.client.get(resources.clusterroles, { name })) as ClusterRole).rules ?? [];
    const [view, edit, admin] = await Promise.all(['view', 'edit', 'admin'].map(rules));
    expect(view).toEqual(await rules('system:aggregate-to-view'));
    expect(edit).toEqual(expect.arrayContaining(view ?? []));
    expect(admin).toEqual(expect.arrayContaining(edit ?? []));
  });

  it('lets everybody find out what there is, and nobody in particular how it is', async () => {
    const jane = as('jane');
    await jane.request('GET', '/apis');
    await expect(jane.list(resources.pods, { namespace })).rejects.toThrow(
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    );
    await expect(jane.request('GET', '/metrics')).rejects.toThrow(
      'forbidden: User "jane" cannot get path "/metrics"',
    );
    const nobody = createClient({ server: server.url, ca: server.pki.ca });
    expect(await nobody.request('GET', '/version')).toHaveProperty('gitVersion');
    await expect(nobody.request('GET', '/apis')).rejects.toThrow(
      'forbidden: User "system:anonymous" cannot get path "/apis"',
    );
    nobody.close();
  });
});

describe('rights', () => {
  it('come with a binding and go with it', async () => {
    const viewer = as('viewer');
    await bind('viewer', 'view', 'viewer');
    expect((await viewer.list(resources.pods, { namespace })).items).toEqual([]);
    await expect(viewer.list(resources.secrets, { namespace })).rejects.toThrow('secrets is forbidden');
    await expect(viewer.list(resources.pods)).rejects.toThrow('at the cluster scope');
    expect(await viewer.get(resources.namespaces, { name: namespace })).toHaveProperty('spec');
    await server.client.delete(resources.rolebindings, { name: 'viewer', namespace });
    await expect(viewer.list(resources.pods, { namespace })).rejects.toThrow('pods is forbidden');
  });

  it('to streams of pods are rights of their own', async () => {
    await bind('reader', 'view', 'reader');
    await bind('editor', 'edit', 'editor');
    const [reader, editor] = [as('reader'), as('editor')];
    const path = `/api/v1/namespaces/${namespace}/pods/none`;
    const missing = 'pods "none" not found';
    await expect(reader.request('GET', `${path}/log`)).rejects.toThrow(missing);
    for (const stream of ['exec', 'attach', 'portforward', 'proxy']) {
      await expect(reader.request('POST', `${path}/${stream}`)).rejects.toThrow(
        `cannot create resource "pods/${stream}" in API group ""`,
      );
      await expect(editor.request('POST', `${path}/${stream}`)).rejects.toThrow(missing);
    }
  });

  it('are given away by none who have not got them', async () => {
    await bind('chief', 'admin', 'chief');
    const chief = as('chief');
    const role = (rules: ClusterRole['rules'] = []) => ({ metadata: { name: 'given', namespace }, rules });
    await expect(
      chief.create(
        resources.roles,
        role([{ verbs: ['get', 'bind'], apiGroups: [''], resources: ['nodes'] }]),
      ),
    ).rejects.toThrow(
      'roles.rbac.authorization.k8s.io "given" is forbidden: user "chief" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get" "bind"]}',
    );
    await chief.create(resources.roles, role([{ ...pods, verbs: ['get', 'delete'] }]));
    await expect(chief.update(resources.roles, role([{ ...pods, verbs: ['*'] }]))).rejects.toThrow(
      '{APIGroups:[""], Resources:["pods"], Verbs:["*"]}',
    );
    const binding = (kind: string, name: string) => ({
      metadata: { name: `binds-${name}`, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
      subjects: [{ kind: 'User', name: 'friend' }],
    });
    await chief.create(resources.rolebindings, binding('Role', 'given'));
    await chief.create(resources.rolebindings, binding('ClusterRole', 'edit'));
    await expect(
      chief.create(resources.rolebindings, binding('ClusterRole', 'cluster-admin')),
    ).rejects.toThrow('is attempting to grant RBAC permissions not currently held');
    await expect(chief.create(resources.rolebindings, binding('ClusterRole', 'none'))).rejects.toThrow(
      'clusterroles.rbac.authorization.k8s.io "none" not found',
    );
    expect(await as('friend').list(resources.secrets, { namespace })).toHaveProperty('items');
  });

  it('to escalate and to bind allow that', async () => {
    await server.client.create(resources.clusterroles, {
      metadata: { name: 'grants' },
      rules: [
        {
          verbs: ['create', 'escalate'],
          apiGroups: ['rbac.authorization.k8s.io'],
          resources: ['clusterroles'],
        },
        { verbs: ['create'], apiGroups: ['rbac.authorization.k8s.io'], resources: ['rolebindings'] },
        {
          verbs: ['bind'],
          apiGroups: ['rbac.authorization.k8s.io'],
          resources: ['clusterroles'],
          resourceNames: ['cluster-admin'],
        },
      ],
    });
    await server.client.create(resources.clusterrolebindings, {
      metadata: { name: 'grants' },
      roleRef: { kind: 'ClusterRole', name: 'grants' },
      subjects: [{ kind: 'User', name: 'granter' }],
    });
    const granter = as('granter');
    await granter.create(resources.clusterroles, {
      metadata: { name: 'much' },
      rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
    });
    const binding = (name: string) => ({
      metadata: { name, namespace },
      roleRef: { kind: 'ClusterRole', name },
      subjects: [],
    });
    await granter.create(resources.rolebindings, binding('cluster-admin'));
    await expect(granter.create(resources.rolebindings, binding('much'))).rejects.toThrow(
      'not currently held',
    );
  });
});

describe('impersonation', () => {
  const whoami = (client: Client, headers: Record<string, string>) =>
    client
      .request<SelfSubjectReview>('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, headers)
      .then(({ status }) => status?.userInfo);

  it('makes a request as somebody else', async () => {
    const root = as('root', 'system:masters');
    expect(await whoami(root, { 'impersonate-user': 'kim', 'impersonate-group': 'devs' })).toEqual({
      username: 'kim',
      groups: ['devs', 'system:authenticated'],
    });
    expect(
      await whoami(root, {
        'impersonate-user': 'system:serviceaccount:a:b',
        'impersonate-uid': 'u1',
        'impersonate-extra-example.com%2Fscopes': 'view',
      }),
    ).toEqual({
      username: 'system:serviceaccount:a:b',
      uid: 'u1',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
      extra: { 'example.com/scopes': ['view'] },
    });
    await expect(whoami(root, { 'impersonate-user': 'system:anonymous' })).rejects.toThrow(
      'User "system:anonymous" cannot create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope',
    );
    await expect(whoami(root, { 'impersonate-group': 'devs' })).rejects.toThrow(
      'without impersonating a user name',
    );
  });

  it('takes the right to each part of it', async () => {
    await server.client.create(resources.clusterroles, {
      metadata: { name: 'impersonates' },
      rules: [{ verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: ['kim'] }],
    });
    await server.client.create(resources.clusterrolebindings, {
      metadata: { name: 'impersonates' },
      roleRef: { kind: 'ClusterRole', name: 'impersonates' },
      subjects: [{ kind: 'User', name: 'actor' }],
    });
    const actor = as('actor');
    expect(await whoami(actor, { 'impersonate-user': 'kim' })).toMatchObject({ username: 'kim' });
    const refused = (headers: Record<string, string>) => expect(whoami(actor, headers)).rejects;
    await refused({ 'impersonate-user': 'jane' }).toThrow(
      'users "jane" is forbidden: User "actor" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
    await refused({ 'impersonate-user': 'kim', 'impersonate-group': 'system:masters' }).toThrow(
      'groups "system:masters" is forbidden',
    );
    await refused({ 'impersonate-user': 'kim', 'impersonate-extra-a': 'b' }).toThrow(
      'userextras.authentication.k8s.io "b" is forbidden: User "actor" cannot impersonate resource "userextras/a"',
    );
    await refused({ 'impersonate-user': 'system:serviceaccount:a:b' }).toThrow(
      'serviceaccounts "b" is forbidden: User "actor" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "a"',
    );
  });
});

describe('reviews', () => {
  const access = 'authorization.k8s.io/v1';

  it('say whether somebody may, and why', async () => {
    await bind('reviewed', 'view', 'reviewed');
    const { client } = server;
    const review = (spec: object) => ask<SubjectAccessReview>(client, `${access}/subjectaccessreviews`, spec);
    const resourceAttributes = { verb: 'get', resource: 'pods', subresource: 'log', namespace };
    expect((await review({ user: 'reviewed', resourceAttributes })).status).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "reviewed/default" of ClusterRole "view" to User "reviewed"',
    });
    expect((await review({ user: 'stranger', resourceAttributes })).status).toEqual({ allowed: false });
    const nonResourceAttributes = { verb: 'get', path: '/healthz' };
    expect(
      (await review({ groups: ['system:unauthenticated'], nonResourceAttributes })).status?.allowed,
    ).toBe(true);
    await expect(review({ user: 'x' })).rejects.toThrow(
      'SubjectAccessReview "" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
    );
    await expect(review({ resourceAttributes })).rejects.toThrow(
      'spec.user: Invalid value: "": at least one of user or group must be specified',
    );
  });

  it('of a namespace are for its administrator', async () => {
    await bind('local', 'admin', 'local-chief');
    const chief = as('local-chief');
    const path = (of: string) => `/apis/${access}/namespaces/${of}/localsubjectaccessreviews`;
    const spec = { user: 'local-chief', resourceAttributes: { verb: 'get', resource: 'pods', namespace } };
    const body = { metadata: { namespace }, spec };
    const { status } = await chief.request<SubjectAccessReview>('POST', path(namespace), body);
    expect(status?.allowed).toBe(true);
    await expect(chief.request('POST', path('kube-system'), body)).rejects.toThrow(
      'cannot create resource "localsubjectaccessreviews" in API group "authorization.k8s.io" in the namespace "kube-system"',
    );
    await expect(
      chief.request('POST', path(namespace), { metadata: { namespace: 'other' }, spec }),
    ).rejects.toThrow(
      'spec.resourceAttributes.namespace: Invalid value: "default": must match metadata.namespace',
    );
    await expect(ask(chief, `${access}/subjectaccessreviews`, spec)).rejects.toThrow(
      'subjectaccessreviews.authorization.k8s.io is forbidden',
    );
  });

  it("list one's own rules", async () => {
    const jane = as('jane');
    const { status } = await ask<SelfSubjectRulesReview>(jane, `${access}/selfsubjectrulesreviews`, {
      namespace,
    });
    expect(status?.incomplete).toBe(false);
    expect(status?.resourceRules).toContainEqual({
      verbs: ['create'],
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    });
    const node = as('system:node:worker', 'system:nodes');
    const of = await ask<SelfSubjectRulesReview>(node, `${access}/selfsubjectrulesreviews`, { namespace });
    expect(of.status).toMatchObject({
      incomplete: true,
      evaluationError: 'node authorizer does not support user rule resolution',
    });
  });
});

describe('default roles', () => {
  it('get back at the next start what they have lost', { timeout: 20_000 }, async () => {
    const first = await startTestApiserver();
    const { client } = first;
    const role = { name: 'system:basic-user' };
    await client.patch(resources.clusterroles, role, 'merge', {
      rules: [{ ...pods, verbs: ['get'] }],
    });
    await client.patch(resources.clusterroles, { name: 'system:kube-dns' }, 'merge', {
      metadata: { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
      rules: [],
    });
    await client.patch(resources.clusterrolebindings, { name: 'system:discovery' }, 'merge', {
      subjects: [],
    });
    await client.delete(resources.clusterroles, { name: 'view' });
    const second = await first.restart();
    try {
      const rulesOf = async (name: string) =>
        ((await second.client.get(resources.clusterroles, { name })) as ClusterRole).rules;
      expect(await rulesOf('view')).not.toEqual([]);
      await expect.poll(() => rulesOf('system:basic-user')).toHaveLength(4);
      await expect
        .poll(() => second.client.get(resources.clusterrolebindings, { name: 'system:discovery' }))
        .toMatchObject({ subjects: [{ name: 'system:authenticated' }] });
      expect(await rulesOf('system:kube-dns')).toEqual([]);
      expect(second.failures).toEqual([]);
    } finally {
      await second.stop();
    }
  });
});
