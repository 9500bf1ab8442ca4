import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type {
  ConfigMap,
  Deployment,
  MutatingWebhook,
  Pod,
  Scale,
  Status,
  ValidatingWebhook,
} from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { jsonPatch, startWebhookServer, type WebhookServer } from './testing.ts';

let server: TestApiserver;
let hooks: WebhookServer;
beforeAll(async () => {
  server = await startTestApiserver();
  hooks = await startWebhookServer(server.pki.server);
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await hooks.stop();
  await server.stop();
});
afterEach(async () => {
  hooks.answers.clear();
  hooks.asked.splice(0);
  for (const kind of [
    resources.mutatingwebhookconfigurations,
    resources.validatingwebhookconfigurations,
  ] as const) {
    const { items } = await server.client.list(kind);
    for (const { metadata } of items) await server.client.delete(kind, { name: metadata?.name ?? '' });
  }
});

const configMaps = {
  operations: ['CREATE', 'UPDATE'],
  apiGroups: [''],
  apiVersions: ['v1'],
  resources: ['configmaps'],
};

function hook(path: string, more: Partial<MutatingWebhook> = {}): MutatingWebhook & ValidatingWebhook {
  return {
    name: `${path}.example.com`,
    clientConfig: { url: `${hooks.url}/${path}`, caBundle: Buffer.from(server.pki.ca).toString('base64') },
    rules: [configMaps],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...more,
  };
}

const mutating = (name: string, ...webhooks: MutatingWebhook[]) =>
  server.client.create(resources.mutatingwebhookconfigurations, { metadata: { name }, webhooks });
const validating = (name: string, ...webhooks: ValidatingWebhook[]) =>
  server.client.create(resources.validatingwebhookconfigurations, { metadata: { name }, webhooks });

const configMap = (name: string, more: Partial<ConfigMap> = {}): ConfigMap => ({
  metadata: { name, namespace: 'default', ...more.metadata },
  data: { a: '1' },
  ...(more.data ? { data: more.data } : {}),
});
const make = (name: string, more: Partial<ConfigMap> = {}) =>
  server.client.create(resources.configmaps, configMap(name, more));

it('has webhooks change objects in the order of their names, and those that validate see the result', async () => {
  const add = (key: string) => () => jsonPatch({ op: 'add', path: `/data/${key}`, value: 'added' });
  hooks.answers.set('/second', add('second'));
  hooks.answers.set('/first', add('first'));
  await mutating('b', hook('second'));
  await mutating('a', hook('first'));
  await validating('c', hook('check'));
  const made = await make('ordered');
  expect(made.data).toEqual({ a: '1', first: 'added', second: 'added' });
  expect(hooks.asked.map(({ path }) => path)).toEqual([
    '/first?timeout=10s',
    '/second?timeout=10s',
    '/check?timeout=10s',
  ]);
  const [first, , check] = hooks.asked;
  expect(first?.review).toMatchObject({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
      name: 'ordered',
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] },
      object: { apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1' } },
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  });
  expect(check?.review.request.object).toMatchObject({ data: { first: 'added', second: 'added' } });
  const [entry] = made.metadata?.managedFields ?? [];
  // What webhooks add belongs to nobody until somebody writes it.
  expect(entry?.fieldsV1).toMatchObject({ 'f:data': { '.': {}, 'f:a': {} } });
  expect(entry?.fieldsV1).not.toHaveProperty(['f:data', 'f:first']);
});

it('names objects only after webhooks', async () => {
  await mutating('a', hook('see'));
  await server.client.create(resources.configmaps, {
    metadata: { generateName: 'made-', namespace: 'default' },
  });
  const request = hooks.asked[0]?.review.request;
  expect(request?.name).toBeUndefined();
  expect(request?.object?.metadata?.name).toBeUndefined();
});

const refusals: [string, Record<string, unknown> | string, Partial<Status>][] = [
  ['message', { allowed: false, status: { message: 'not today' } }, { code: 400, message: ': not today' }],
  [
    'reason',
    { allowed: false, status: { reason: 'Forbidden', code: 403 } },
    { code: 403, message: ': Forbidden' },
  ],
  ['nothing', { allowed: false }, { code: 400, message: ' without explanation' }],
  [
    'success',
    { allowed: false, status: { status: 'Success', code: 200 } },
    { code: 400, message: ' without explanation' },
  ],
];
it.each(refusals)('refuses with %s', async (_, answer, { code, message }) => {
  hooks.answers.set('/deny', () => answer);
  await validating('deny', hook('deny'));
  await expect(make('refused')).rejects.toMatchObject({
    code,
    message: `admission webhook "deny.example.com" denied the request${message}`,
  });
});

const failures: [string, Record<string, unknown> | string, string][] = [
  ['another uid', { allowed: true, uid: 'x' }, 'expected response.uid='],
  [
    'an answer of 500',
    'broken',
    'failed to call webhook: an error on the server ("broken") has prevented the request from succeeding',
  ],
  [
    'a patch from one that validates',
    { allowed: true, patch: 'W10=', patchType: 'JSONPatch' },
    'validating webhook may not return response.patch',
  ],
];
it.each(failures)('fails or goes on by the failurePolicy after %s', async (name, answer, text) => {
  hooks.answers.set('/fail', () => answer);
  const title = name.replaceAll(' ', '-');
  await validating('fail', hook('fail', { failurePolicy: 'Fail' }));
  await expect(make(title)).rejects.toThrow(
    `Internal error occurred: failed calling webhook "fail.example.com": ${text}`,
  );
  await server.client.delete(resources.validatingwebhookconfigurations, { name: 'fail' });
  await validating('ignore', hook('fail', { failurePolicy: 'Ignore' }));
  expect((await make(title)).data).toEqual({ a: '1' });
});

it('says as Go does why a webhook cannot be reached', async () => {
  const gone = { ...hook('gone').clientConfig, url: 'https://127.0.0.1:1/gone' };
  await validating('a', hook('gone', { clientConfig: gone }));
  await expect(make('gone')).rejects.toThrow(
    'failed calling webhook "gone.example.com": failed to call webhook: Post "https://127.0.0.1:1/gone?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused',
  );
  await server.client.delete(resources.validatingwebhookconfigurations, { name: 'a' });
  await validating('b', hook('untrusted', { clientConfig: { url: `${hooks.url}/untrusted` } }));
  await expect(make('untrusted')).rejects.toThrow(
    'tls: failed to verify certificate: x509: certificate signed by unknown authority',
  );
  await server.client.delete(resources.validatingwebhookconfigurations, { name: 'b' });
  const service = { name: 'nobody', namespace: 'default', path: '/check' };
  await validating('c', hook('service', { clientConfig: { service } }));
  await expect(make('service')).rejects.toThrow(
    'Post "https://nobody.default.svc:443/check?timeout=10s": service "nobody" not found',
  );
  await server.client.delete(resources.validatingwebhookconfigurations, { name: 'c' });
  hooks.answers.set('/slow', () => new Promise(() => undefined));
  await validating('d', hook('slow', { timeoutSeconds: 1 }));
  await expect(make('slow')).rejects.toThrow('timeout=1s": context deadline exceeded');
});

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

it('asks again where a later webhook changed something and the first wants that', async () => {
  let times = 0;
  hooks.answers.set('/first', () => {
    times++;
    return { allowed: true };
  });
  hooks.answers.set('/second', ({ request }) =>
    request.object?.metadata?.labels
      ? { allowed: true }
      : jsonPatch({ op: 'add', path: '/metadata/labels', value: { a: 'b' } }),
  );
  await mutating(
    'a',
    hook('first', { reinvocationPolicy: 'IfNeeded' }),
    hook('second', { reinvocationPolicy: 'IfNeeded' }),
  );
  await make('again');
  expect(times).toBe(2);
  expect(hooks.asked.map(({ path }) => path.split('?')[0])).toEqual(['/first', '/second', '/first']);
});

it('passes on warnings, and lets only those without side effects see a dry run', async () => {
  hooks.answers.set('/warn', () => ({ allowed: true, warnings: ['look out'] }));
  await validating(
    'a',
    hook('warn', { sideEffects: 'NoneOnDryRun', admissionReviewVersions: ['v2', 'v1beta1'] }),
  );
  const warnings: string[] = [];
  const response = await fetchWarnings(
    '/api/v1/namespaces/default/configmaps?dryRun=All',
    configMap('dry'),
    warnings,
  );
  expect(response).toBe(201);
  expect(warnings).toEqual(['299 - "look out"']);
  const [{ review } = { review: undefined }] = hooks.asked;
  expect(review).toMatchObject({ apiVersion: 'admission.k8s.io/v1beta1', request: { dryRun: true } });
});

async function fetchWarnings(path: string, body: object, warnings: string[]): Promise<number> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath: server.socket, path, method: 'POST', headers: { 'content-type': 'application/json' } },
      (answer) => {
        warnings.push(...[answer.headers.warning ?? []].flat());
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    outgoing.once('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}

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

it('keeps who owns what where a webhook makes nonsense of it, and says so', async () => {
  hooks.answers.set('/spoil', () =>
    jsonPatch({
      op: 'replace',
      path: '/metadata/managedFields',
      value: [{ manager: 'me', operation: 'Other' }],
    }),
  );
  await mutating('a', hook('spoil'));
  const warnings: string[] = [];
  const path = '/api/v1/namespaces/default/configmaps?fieldManager=me';
  expect(await fetchWarnings(path, configMap('spoiled'), warnings)).toBe(201);
  expect(warnings[0]).toContain('.metadata.managedFields was in an invalid state after admission');
  const made = await server.client.get(resources.configmaps, { name: 'spoiled', namespace: 'default' });
  expect(made.metadata?.managedFields).toMatchObject([{ manager: 'me', operation: 'Update' }]);
});
