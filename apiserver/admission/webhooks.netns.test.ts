import { expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type { Status } from '../../api/types.ts';
import { configMap, hook, hooks, make, mutating, server, useWebhooks, validating } from './testing/scene.ts';
import { jsonPatch } from './testing/server.ts';

useWebhooks();

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
