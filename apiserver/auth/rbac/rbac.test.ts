import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../api/object.ts';
import { type Resource, resources } from '../../../api/scheme.ts';
import type { PolicyRule, RbacSubject } from '../../../api/types.ts';
import type { Attributes } from '../attributes.ts';
import { createMemoryCache, someone } from '../testing.ts';
import type { User } from '../user.ts';
import { createRbac } from './rbac.ts';

const rule = (verbs: string[], apiGroups: string[], names: string[]): PolicyRule => ({
  verbs,
  apiGroups,
  resources: names,
});
const clusterRole = (name: string, ...rules: PolicyRule[]) =>
  [resources.clusterroles, { metadata: { name }, rules } as KubeObject] as const;
const role = (namespace: string, name: string, ...rules: PolicyRule[]) =>
  [resources.roles, { metadata: { name, namespace }, rules } as KubeObject] as const;

/** `User:jane`, `Group:devs`, `ServiceAccount:default/builder`, or without a namespace. */
function subjectOf(text: string): RbacSubject {
  const [kind = '', rest = ''] = text.split(':', 2);
  const [first = '', second] = rest.split('/');
  return second === undefined ? { kind, name: first } : { kind, namespace: first, name: second };
}

function binding(resource: Resource, namespace: string | undefined, to: string, ...subjects: string[]) {
  const [kind = '', name = ''] = to.split('/');
  const object = {
    metadata: { name: `${name}-${subjects.length}`, ...(namespace ? { namespace } : {}) },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
    subjects: subjects.map(subjectOf),
  };
  return [resource, object as KubeObject] as const;
}

const everywhere = (to: string, ...subjects: string[]) =>
  binding(resources.clusterrolebindings, undefined, to, ...subjects);
const within = (namespace: string, to: string, ...subjects: string[]) =>
  binding(resources.rolebindings, namespace, to, ...subjects);

const asked = (verb: string, what: string, namespace?: string, group = ''): Attributes => {
  const [resource = '', subresource] = what.split('/');
  return {
    verb,
    group,
    resource,
    ...(subresource ? { subresource } : {}),
    ...(namespace ? { namespace } : {}),
  };
};

async function deciding(...objects: (readonly [Resource, KubeObject])[]) {
  const memory = createMemoryCache(objects);
  const rbac = await createRbac(memory.cache);
  const allows = (user: User, attributes: Attributes) => rbac.authorize(user, attributes).allowed;
  return { ...memory, rbac, allows };
}

const all = rule(['*'], ['*'], ['*']);

// The cases of upstream's `plugin/pkg/auth/authorizer/rbac/rbac_test.go`.
describe('a binding', () => {
  it('of a namespace allows there, for its users and groups', async () => {
    const { allows } = await deciding(
      clusterRole('admin', all),
      within('ns1', 'ClusterRole/admin', 'User:admin', 'Group:admins'),
    );
    for (const user of [someone('admin'), someone('joe', 'admins'), someone('joe', 'group1', 'admins')]) {
      expect(allows(user, asked('get', 'Pods', 'ns1'))).toBe(true);
      expect(allows(user, asked('watch', 'Foobar', 'ns1'))).toBe(true);
      expect(allows(user, asked('get', 'Pods', 'ns2'))).toBe(false);
      expect(allows(user, asked('get', 'Nodes'))).toBe(false);
    }
    expect(allows(someone('admins', 'admin'), asked('get', 'Pods', 'ns1'))).toBe(false);
  });

  it('of the cluster allows paths, also by their beginning', async () => {
    const { allows } = await deciding(
      clusterRole('getter', { verbs: ['get'], nonResourceURLs: ['/apis'] }),
      clusterRole('any', { verbs: ['*'], nonResourceURLs: ['/apis'] }),
      clusterRole('prefix', { verbs: ['get'], nonResourceURLs: ['/apis/*'] }),
      everywhere('ClusterRole/getter', 'User:foo', 'Group:bar'),
      everywhere('ClusterRole/any', 'User:admin', 'Group:admin'),
      everywhere('ClusterRole/prefix', 'User:prefixed', 'Group:prefixed'),
    );
    const may = (name: string, verb: string, path: string) =>
      [someone(name), someone('-', name)].map((user) => allows(user, { verb, path }));
    expect(allows(someone('foo'), { verb: 'get', path: '/apis' })).toBe(true);
    expect(allows(someone('-', 'bar'), { verb: 'get', path: '/apis' })).toBe(true);
    expect(may('admin', 'watch', '/apis')).toEqual([true, true]);
    expect(may('prefixed', 'get', '/apis/v1/foobar')).toEqual([true, true]);
    expect(allows(someone('foo'), { verb: 'watch', path: '/apis' })).toBe(false);
    expect(may('admin', 'get', '/api/v1')).toEqual([false, false]);
    expect(may('prefixed', 'get', '/api/v1')).toEqual([false, false]);
  });

  it('names subresources one by one, or one of every resource', async () => {
    const { allows } = await deciding(
      clusterRole('pods', rule(['*'], ['*'], ['pods'])),
      clusterRole('parts', rule(['*'], ['*'], ['pods/status', '*/scale'])),
      within('ns1', 'ClusterRole/pods', 'User:a'),
      within('ns1', 'ClusterRole/parts', 'User:b'),
    );
    const may = (name: string) =>
      ['pods', 'pods/status', 'pods/scale', 'anything/scale'].map((what) =>
        allows(someone(name), asked('get', what, 'ns1')),
      );
    expect(may('a')).toEqual([true, false, false, false]);
    expect(may('b')).toEqual([false, true, true, true]);
  });

  it('is for service accounts, which without a namespace are of its own', async () => {
    const { allows } = await deciding(
      clusterRole('view', all),
      within('ns1', 'ClusterRole/view', 'ServiceAccount:local'),
      within('ns2', 'ClusterRole/view', 'ServiceAccount:ns1/far', 'User:x'),
    );
    const account = (name: string) => someone(`system:serviceaccount:${name}`);
    expect(allows(account('ns1:local'), asked('get', 'pods', 'ns1'))).toBe(true);
    expect(allows(account('ns2:local'), asked('get', 'pods', 'ns1'))).toBe(false);
    expect(allows(account('ns1:far'), asked('get', 'pods', 'ns2'))).toBe(true);
    expect(allows(someone('local'), asked('get', 'pods', 'ns1'))).toBe(false);
  });

  it('of a Role means the one of its namespace', async () => {
    const { allows } = await deciding(
      role('ns1', 'reader', all),
      role('ns2', 'reader'),
      within('ns1', 'Role/reader', 'User:jane'),
      within('ns2', 'Role/reader', 'User:jane'),
    );
    expect(allows(someone('jane'), asked('get', 'pods', 'ns1'))).toBe(true);
    expect(allows(someone('jane'), asked('get', 'pods', 'ns2'))).toBe(false);
  });
});

describe('a rule', () => {
  const table: [string, PolicyRule, [Attributes, boolean][]][] = [
    [
      'of any group',
      rule(['verb1'], ['*'], ['resource1']),
      [
        [asked('verb1', 'resource1', 'ns', 'group2'), true],
        [asked('verb1', 'resource2', 'ns', 'group1'), false],
        [asked('verb2', 'resource1', 'ns', 'group1'), false],
      ],
    ],
    [
      'of several of each',
      rule(['verb1', 'verb2'], ['group1', 'group2'], ['resource1', 'resource2']),
      [
        [asked('verb1', 'resource1', 'ns', 'group2'), true],
        [asked('verb2', 'resource2', 'ns', 'group1'), true],
        [asked('verb3', 'resource2', 'ns', 'group1'), false],
      ],
    ],
    [
      'of the core group',
      rule(['get'], [''], ['pods']),
      [
        [asked('get', 'pods', 'ns'), true],
        [asked('get', 'pods', 'ns', 'metrics.k8s.io'), false],
      ],
    ],
    [
      'of one name',
      { ...rule(['get', 'list'], [''], ['pods']), resourceNames: ['one'] },
      [
        [{ ...asked('get', 'pods', 'ns'), name: 'one' }, true],
        [{ ...asked('get', 'pods', 'ns'), name: 'two' }, false],
        [asked('list', 'pods', 'ns'), false],
      ],
    ],
    [
      'of paths',
      { verbs: ['get'], nonResourceURLs: ['/foo/*', '/bar*'] },
      [
        [{ verb: 'get', path: '/foo/bar/one' }, true],
        [{ verb: 'get', path: '/foo' }, false],
        [{ verb: 'get', path: '/barn' }, true],
        [asked('get', 'pods', 'ns'), false],
      ],
    ],
  ];
  it.each(table)('%s', async (_, one, requests) => {
    const { allows } = await deciding(clusterRole('a', one), everywhere('ClusterRole/a', 'User:jane'));
    expect(requests.map(([attributes]) => allows(someone('jane'), attributes))).toEqual(
      requests.map(([, expected]) => expected),
    );
  });
});

describe('an answer', () => {
  const jane = someone('jane', 'devs');
  const pods = asked('get', 'pods', 'ns1');

  it('says what allowed it, and which role is not there', async () => {
    const { rbac, put } = await deciding(within('ns1', 'ClusterRole/view', 'Group:devs'));
    expect(rbac.authorize(jane, pods)).toEqual({
      allowed: false,
      reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "view" not found',
    });
    put(...clusterRole('view', all));
    expect(rbac.authorize(jane, pods)).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "view-1/ns1" of ClusterRole "view" to Group "devs"',
    });
    expect(rbac.authorize(someone('joe'), pods)).toEqual({ allowed: false, reason: '' });
  });

  it('follows what is written', async () => {
    const { allows, put, remove } = await deciding(clusterRole('view', all));
    expect(allows(jane, pods)).toBe(false);
    put(...within('ns1', 'ClusterRole/view', 'User:jane'));
    expect(allows(jane, pods)).toBe(true);
    put(...within('ns1', 'ClusterRole/view', 'User:joe'));
    expect([allows(jane, pods), allows(someone('joe'), pods)]).toEqual([false, true]);
    remove(resources.rolebindings, 'view-1', 'ns1');
    expect(allows(someone('joe'), pods)).toBe(false);
    put(...everywhere('ClusterRole/view', 'User:jane'));
    expect(allows(jane, pods)).toBe(true);
    put(...clusterRole('view'));
    expect(allows(jane, pods)).toBe(false);
  });

  it('lists the rules of a user', async () => {
    const one = rule(['get'], [''], ['pods']);
    const { rbac } = await deciding(
      clusterRole('all', all),
      role('ns1', 'one', one),
      everywhere('ClusterRole/all', 'User:jane'),
      within('ns1', 'Role/one', 'Group:devs'),
      within('ns1', 'Role/none', 'Group:devs', 'User:jane'),
    );
    expect(rbac.rulesFor(jane, undefined).rules).toEqual([all]);
    expect(rbac.rulesFor(jane, 'ns1')).toMatchObject({ rules: [all, one] });
    expect(new Set(rbac.rulesFor(jane, 'ns1').errors)).toEqual(
      new Set(['role.rbac.authorization.k8s.io "none" not found']),
    );
  });
});
