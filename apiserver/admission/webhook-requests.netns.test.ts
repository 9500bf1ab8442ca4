import { expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type { ConfigMap, Deployment, Pod, Scale } from '../../api/types.ts';
import { configMaps, hook, hooks, make, mutating, server, useWebhooks, validating } from './testing/scene.ts';
import { jsonPatch } from './testing/server.ts';

useWebhooks();

it('asks about what rules, selectors and conditions name, and about nothing else', async () => {
  const { client } = server;
  await validating(
    'a',
    hook('labelled', { objectSelector: { matchLabels: { watch: 'me' } } }),
    hook('elsewhere', { namespaceSelector: { matchLabels: { none: 'such' } } }),
    hook('system', { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } }),
    hook('conditional', {
      matchConditions: [{ name: 'named', expression: 'object.metadata.name.startsWith("yes")' }],
    }),
    hook('cluster', { rules: [{ ...configMaps, scope: 'Cluster' }] }),
    hook('parts', { rules: [{ ...configMaps, resources: ['*/*'] }] }),
    hook('whole', { rules: [{ ...configMaps, resources: ['*'], apiGroups: ['*'], apiVersions: ['*'] }] }),
  );
  const names = () => hooks.asked.splice(0).map(({ path }) => path.slice(1).split('?')[0]);
  await make('yes-1', { metadata: { labels: { watch: 'me' } } });
  expect(names().sort()).toEqual(['conditional', 'labelled', 'parts', 'system', 'whole']);
  await make('no-1');
  expect(names().sort()).toEqual(['parts', 'system', 'whole']);
  await client.delete(resources.configmaps, { name: 'no-1', namespace: 'default' });
  expect(names()).toEqual([]);
  // Whoever could keep configurations from being repaired is not asked about them.
  await client.patch(resources.validatingwebhookconfigurations, { name: 'a' }, 'merge', {
    metadata: { labels: { a: 'b' } },
  });
  expect(names()).toEqual([]);
});

it('fails closed where a condition cannot be evaluated', async () => {
  await validating('a', hook('b', { matchConditions: [{ name: 'x', expression: 'object.nope == 1' }] }));
  await expect(make('broken-condition')).rejects.toMatchObject({
    code: 403,
    message:
      'configmaps "broken-condition" is forbidden: expression \'object.nope == 1\' resulted in error: no such key: nope',
  });
});

it('shows objects in the version that a webhook asks for', async () => {
  const { client } = server;
  const rules = [
    { operations: ['CREATE'], apiGroups: ['autoscaling'], apiVersions: ['v1'], resources: ['*'] },
  ];
  hooks.answers.set('/old', () =>
    jsonPatch({ op: 'replace', path: '/spec/targetCPUUtilizationPercentage', value: 33 }),
  );
  await mutating('a', hook('old', { rules }), hook('exact', { rules, matchPolicy: 'Exact' }));
  const metrics = [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
  ];
  const made = await client.create(resources.horizontalpodautoscalers, {
    metadata: { name: 'h', namespace: 'default' },
    spec: {
      maxReplicas: 3,
      metrics,
      scaleTargetRef: { kind: 'Deployment', name: 'a', apiVersion: 'apps/v1' },
    },
  });
  expect(hooks.asked.map(({ path }) => path.split('?')[0])).toEqual(['/old']);
  const { request } = hooks.asked[0]?.review ?? {};
  expect(request).toMatchObject({
    kind: { group: 'autoscaling', version: 'v1', kind: 'HorizontalPodAutoscaler' },
    requestKind: { version: 'v2' },
    object: { apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 50 } },
  });
  expect(made.spec?.metrics).toMatchObject([{ resource: { target: { averageUtilization: 33 } } }]);
});

it('shows deletions, scales, bindings, evictions and connections', async () => {
  const { client } = server;
  const rules = [
    {
      operations: ['*'],
      apiGroups: ['*'],
      apiVersions: ['*'],
      resources: ['configmaps', 'deployments/scale', 'pods/binding', 'pods/eviction', 'pods/exec'],
    },
  ];
  await make('doomed');
  const deployment: Deployment = {
    metadata: { name: 'd', namespace: 'default' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  };
  await client.create(resources.deployments, deployment);
  const pod: Pod = {
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  };
  await client.create(resources.pods, pod);
  hooks.answers.set('/all', ({ request }) =>
    request.kind && (request.kind as { kind: string }).kind === 'Scale'
      ? jsonPatch({ op: 'replace', path: '/spec/replicas', value: 4 })
      : { allowed: true },
  );
  await mutating('a', hook('all', { rules }));
  await client.delete(resources.configmaps, { name: 'doomed', namespace: 'default' });
  const path = '/apis/apps/v1/namespaces/default/deployments/d/scale';
  const scale = await client.request<Scale>('GET', path);
  const scaled = await client.request<Scale>('PUT', path, { ...scale, spec: { replicas: 2 } });
  expect(scaled.spec?.replicas).toBe(4);
  const pods = '/api/v1/namespaces/default/pods/p';
  await client.request('POST', `${pods}/binding`, { target: { kind: 'Node', name: 'n' } });
  await expect(client.request('POST', `${pods}/exec?command=ls&stdout=1`)).rejects.toThrow();
  await client.request('POST', `${pods}/eviction`, { metadata: { name: 'p' } });
  expect(
    hooks.asked.map(({ review: { request } }) => [
      request.operation,
      (request.kind as { kind: string }).kind,
      request.subResource ?? '',
    ]),
  ).toEqual([
    ['DELETE', 'ConfigMap', ''],
    ['UPDATE', 'Scale', 'scale'],
    ['CREATE', 'Binding', 'binding'],
    ['CONNECT', 'PodExecOptions', 'exec'],
    ['CREATE', 'Eviction', 'eviction'],
  ]);
  const [deletion, scaling, , exec] = hooks.asked.map(({ review }) => review.request);
  expect(deletion).toMatchObject({ object: null, oldObject: { data: { a: '1' } }, name: 'doomed' });
  expect(scaling).toMatchObject({ object: { spec: { replicas: 2 } }, oldObject: { spec: { replicas: 1 } } });
  expect(exec?.object).toMatchObject({ command: ['ls'], stdout: true });
});

it('changes what patches and applies make, too', async () => {
  const { client } = server;
  hooks.answers.set('/stamp', () => jsonPatch({ op: 'add', path: '/data/stamp', value: 'x' }));
  await make('patched');
  await mutating('a', hook('stamp'));
  const ref = { name: 'patched', namespace: 'default' };
  const patched = await client.patch(resources.configmaps, ref, 'merge', { data: { b: '2' } });
  expect(patched.data).toEqual({ a: '1', b: '2', stamp: 'x' });
  const [update] = hooks.asked;
  expect(update?.review.request).toMatchObject({
    operation: 'UPDATE',
    oldObject: { data: { a: '1' } },
    options: { kind: 'UpdateOptions' },
  });
  const path = '/api/v1/namespaces/default/configmaps/applied?fieldManager=me';
  const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data: { c: '3' } };
  const applied = await client.request<ConfigMap>('PATCH', path, config, {
    'content-type': 'application/apply-patch+yaml',
  });
  expect(applied.data).toEqual({ c: '3', stamp: 'x' });
  expect(applied.metadata?.managedFields?.[0]).toMatchObject({
    manager: 'me',
    operation: 'Apply',
    fieldsV1: { 'f:data': { 'f:c': {} } },
  });
});
