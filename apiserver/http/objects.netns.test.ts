import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type { ConfigMap, Namespace, Pod } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

const { configmaps, pods, namespaces, nodes } = resources;
const map = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  metadata: { name, namespace: 'default' },
  data,
});
const at = (name: string) => ({ name, namespace: 'default' });

describe('create', () => {
  it('fills metadata', async () => {
    const { metadata, kind, apiVersion } = await server.client.create(configmaps, map('filled'));
    expect({ kind, apiVersion }).toEqual({ kind: 'ConfigMap', apiVersion: 'v1' });
    expect(metadata?.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(metadata?.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(Number(metadata?.resourceVersion)).toBeGreaterThan(0);
  });

  it('makes names of five safe characters from generateName', async () => {
    const made = await server.client.create(configmaps, {
      metadata: { generateName: 'web-', namespace: 'default' },
    });
    expect(made.metadata?.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  it('refuses a name that is taken, a namespace that is not there, a version that is set', async () => {
    await server.client.create(configmaps, map('taken'));
    await expect(server.client.create(configmaps, map('taken'))).rejects.toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "taken" already exists',
    });
    await expect(
      server.client.create(configmaps, { metadata: { name: 'x', namespace: 'nowhere' } }),
    ).rejects.toMatchObject({ code: 404, message: 'namespaces "nowhere" not found' });
    const versioned = { metadata: { ...map('v').metadata, resourceVersion: '1' } };
    await expect(server.client.create(configmaps, versioned)).rejects.toMatchObject({
      message: 'resourceVersion should not be set on objects to be created',
    });
  });

  it('with dryRun=All answers and stores nothing', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    const made = await server.client.request<ConfigMap>('POST', `${path}?dryRun=All`, map('dry'));
    expect(made.metadata?.uid).toBeDefined();
    await expect(server.client.get(configmaps, at('dry'))).rejects.toMatchObject({
      code: 404,
      message: 'configmaps "dry" not found',
    });
  });
});

describe('update and patch', () => {
  it('keep one of two concurrent writers from overwriting the other', async () => {
    const old = await server.client.create(configmaps, map('raced'));
    await server.client.update(configmaps, { ...old, data: { by: 'first' } });
    await expect(server.client.update(configmaps, { ...old, data: { by: 'second' } })).rejects.toMatchObject({
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on configmaps "raced": the object has been modified; please apply your changes to the latest version and try again',
    });
  });

  it('do not write what changes nothing', async () => {
    const old = await server.client.create(configmaps, map('same', { a: '1' }));
    const put = await server.client.update(configmaps, old);
    const patched = await server.client.patch(configmaps, at('same'), 'merge', { data: { a: '1' } });
    expect([put, patched].map(({ metadata }) => metadata?.resourceVersion)).toEqual([
      old.metadata?.resourceVersion,
      old.metadata?.resourceVersion,
    ]);
  });

  it('let fifty concurrent patches of one object all happen', async () => {
    await server.client.create(configmaps, map('busy'));
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        server.client.patch(configmaps, at('busy'), 'merge', { data: { [`key${i}`]: 'x' } }),
      ),
    );
    const { data = {} } = await server.client.get(configmaps, at('busy'));
    expect(Object.keys(data)).toHaveLength(50);
  });

  it('may not rename, and keep uid and creationTimestamp', async () => {
    const old = await server.client.create(configmaps, map('kept'));
    await expect(
      server.client.request('PUT', '/api/v1/namespaces/default/configmaps/kept', map('renamed')),
    ).rejects.toMatchObject({
      message: 'the name of the object (renamed) does not match the name on the URL (kept)',
    });
    const next = await server.client.request<ConfigMap>(
      'PUT',
      '/api/v1/namespaces/default/configmaps/kept',
      map('kept', { new: 'data' }),
    );
    expect(next.metadata?.uid).toBe(old.metadata?.uid);
    expect(next.metadata?.creationTimestamp).toBe(old.metadata?.creationTimestamp);
  });

  it('of the status leave the rest alone, and the other way round', async () => {
    await server.client.create(nodes, { metadata: { name: 'worker' } });
    const node = await server.client.get(nodes, { name: 'worker' });
    const status = { addresses: [{ type: 'InternalIP', address: '172.18.0.3' }] };
    const one = await server.client.update(
      nodes,
      { ...node, spec: { ...node.spec, unschedulable: true }, status },
      'status',
    );
    expect(one.status?.addresses).toEqual(status.addresses);
    expect(one.spec?.unschedulable).toBeUndefined();
  });
});

describe('delete', () => {
  it('checks preconditions', async () => {
    await server.client.create(configmaps, map('guarded'));
    await expect(
      server.client.delete(configmaps, at('guarded'), { preconditions: { uid: 'other' } }),
    ).rejects.toMatchObject({
      code: 409,
      message: expect.stringContaining('the UID in the precondition (other)'),
    });
  });

  it('waits for finalizers, and removes with the last of them', async () => {
    const held = map('held');
    await server.client.create(configmaps, {
      ...held,
      metadata: { ...held.metadata, finalizers: ['x.io/a'] },
    });
    const marked = (await server.client.delete(configmaps, at('held'))) as ConfigMap;
    expect(marked.metadata?.deletionTimestamp).toBeDefined();
    await server.client.patch(configmaps, at('held'), 'merge', { metadata: { finalizers: null } });
    await expect(server.client.get(configmaps, at('held'))).rejects.toMatchObject({ code: 404 });
  });

  it('turns propagationPolicy into the garbage collector’s finalizers', async () => {
    for (const [policy, finalizer] of [
      ['Foreground', 'foregroundDeletion'],
      ['Orphan', 'orphan'],
    ] as const) {
      const name = policy.toLowerCase();
      await server.client.create(configmaps, map(name));
      const marked = (await server.client.delete(configmaps, at(name), {
        propagationPolicy: policy,
      })) as ConfigMap;
      expect(marked.metadata?.finalizers).toEqual([finalizer]);
    }
    await server.client.create(configmaps, map('background'));
    const status = await server.client.delete(configmaps, at('background'), {
      propagationPolicy: 'Background',
    });
    expect(status).toMatchObject({ kind: 'Status', status: 'Success', details: { name: 'background' } });
  });

  it('of a collection removes what the selector matches', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    for (const name of ['sweep-a', 'sweep-b', 'stay']) {
      const labels = { sweep: String(name !== 'stay') };
      await server.client.create(configmaps, { metadata: { name, namespace: 'default', labels } });
    }
    const gone = await server.client.request<{ items: ConfigMap[] }>(
      'DELETE',
      `${path}?labelSelector=sweep%3Dtrue`,
    );
    expect(gone.items.map(({ metadata }) => metadata?.name)).toEqual(['sweep-a', 'sweep-b']);
    expect((await server.client.get(configmaps, at('stay'))).metadata?.name).toBe('stay');
  });
});

describe('a namespace', () => {
  it('ends in two steps: Terminating, then gone when its finalizer is', async () => {
    const name = 'ending';
    const made = await server.client.create(namespaces, { metadata: { name } } satisfies Namespace);
    expect(made.spec?.finalizers).toEqual(['kubernetes']);
    const marked = (await server.client.delete(namespaces, { name })) as Namespace;
    expect(marked.status?.phase).toBe('Terminating');
    await expect(
      server.client.create(configmaps, { metadata: { name: 'late', namespace: name } }),
    ).rejects.toMatchObject({
      code: 403,
      message:
        'configmaps "late" is forbidden: unable to create new content in namespace ending because it is being terminated',
    });
    await server.client.update(namespaces, { ...marked, spec: { finalizers: [] } }, 'finalize');
    await expect(server.client.get(namespaces, { name })).rejects.toMatchObject({ code: 404 });
  });

  it('of the system cannot be deleted', async () => {
    await expect(server.client.delete(namespaces, { name: 'kube-system' })).rejects.toMatchObject({
      code: 403,
      message: 'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    });
  });
});

describe('a pod', () => {
  const pod = (name: string): Pod => ({
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'registry.k8s.io/serve_hostname' }] },
  });

  it('without a node goes at once; on one it is only marked, until its kubelet is done', async () => {
    await server.client.create(pods, pod('unbound'));
    await server.client.delete(pods, at('unbound'));
    await expect(server.client.get(pods, at('unbound'))).rejects.toMatchObject({ code: 404 });

    await server.client.create(pods, pod('bound'));
    const binding = { metadata: { name: 'bound' }, target: { kind: 'Node', name: 'worker' } };
    const path = '/api/v1/namespaces/default/pods/bound';
    await server.client.request('POST', `${path}/binding`, binding);
    const bound = await server.client.get(pods, at('bound'));
    expect(bound.spec?.nodeName).toBe('worker');
    expect(bound.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'PodScheduled', status: 'True' }),
    );
    await expect(server.client.request('POST', `${path}/binding`, binding)).rejects.toMatchObject({
      code: 409,
      message: expect.stringContaining('pod bound is already assigned to node "worker"'),
    });
    const marked = (await server.client.delete(pods, at('bound'))) as Pod;
    expect(marked.metadata?.deletionGracePeriodSeconds).toBe(30);
    const again = (await server.client.delete(pods, at('bound'))) as Pod;
    expect(again.metadata?.resourceVersion).toBe(marked.metadata?.resourceVersion);
    const shorter = (await server.client.delete(pods, at('bound'), { gracePeriodSeconds: 5 })) as Pod;
    expect(shorter.metadata?.deletionGracePeriodSeconds).toBe(5);
    await server.client.delete(pods, at('bound'), { gracePeriodSeconds: 0 });
    await expect(server.client.get(pods, at('bound'))).rejects.toMatchObject({ code: 404 });
  });
});

describe('list', () => {
  it('in parts shows one moment, whatever happens in between', async () => {
    await server.client.create(namespaces, { metadata: { name: 'parts' } });
    const put = (name: string) =>
      server.client.create(configmaps, { metadata: { name, namespace: 'parts' }, data: { v: '1' } });
    for (const name of ['a', 'b', 'c', 'd']) await put(name);
    const first = await server.client.list(configmaps, { namespace: 'parts', limit: 2 });
    expect(first.items.map(({ metadata }) => metadata?.name)).toEqual(['a', 'b']);
    expect(first.metadata.remainingItemCount).toBe(2);
    await put('bb');
    await server.client.delete(configmaps, { name: 'c', namespace: 'parts' });
    await server.client.patch(configmaps, { name: 'd', namespace: 'parts' }, 'merge', { data: { v: '2' } });
    const second = await server.client.list(configmaps, {
      namespace: 'parts',
      limit: 2,
      continue: first.metadata.continue ?? '',
    });
    expect(second.items.map(({ metadata, data }) => `${metadata?.name}${data?.v}`)).toEqual(['c1', 'd1']);
    expect(second.metadata).toEqual({ resourceVersion: first.metadata.resourceVersion });
  });

  it('selects by labels and fields, and refuses fields that a kind does not offer', async () => {
    const labels = { tier: 'list' };
    await server.client.create(configmaps, { metadata: { name: 'listed', namespace: 'default', labels } });
    const { items } = await server.client.list(configmaps, { labelSelector: 'tier in (list,other)' });
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(['listed']);
    const named = await server.client.list(configmaps, { fieldSelector: 'metadata.name=listed' });
    expect(named.items).toHaveLength(1);
    await expect(server.client.list(configmaps, { fieldSelector: 'data.x=y' })).rejects.toMatchObject({
      code: 400,
      message: '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    });
  });

  it('refuses versions that are not yet there, or no versions', async () => {
    await expect(server.client.list(configmaps, { resourceVersion: '99999999' })).rejects.toMatchObject({
      code: 504,
      message: expect.stringMatching(/^Too large resource version: 99999999, current: \d+$/),
    });
    await expect(server.client.list(configmaps, { resourceVersion: 'new' })).rejects.toMatchObject({
      code: 422,
    });
  });
});

describe('after a restart', () => {
  it('everything is there as it was', async () => {
    const before = await server.client.list(configmaps);
    server = await server.restart();
    const after = await server.client.list(configmaps);
    expect(after.items).toEqual(before.items);
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });
});
