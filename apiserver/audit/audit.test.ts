import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { type AuditPolicy, decide, type PolicyRule, readPolicy } from './policy.ts';

const policyOf = (...rules: PolicyRule[]): AuditPolicy => ({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  rules,
});

interface Line {
  [field: string]: unknown;
  stage: string;
  verb: string;
  requestURI: string;
  annotations?: Record<string, string>;
}

describe('a log', () => {
  let server: TestApiserver;
  const folder = mkdtempSync(join(tmpdir(), 'v9s-audit-'));
  const logPath = join(folder, 'audit.log');
  const lines = () =>
    readFileSync(logPath, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line);
  const complete = (uri: string) =>
    expect
      .poll(() =>
        lines().find(({ requestURI, stage }) => requestURI.startsWith(uri) && stage === 'ResponseComplete'),
      )
      .toBeTruthy()
      .then(() => lines().filter(({ requestURI }) => requestURI.startsWith(uri)));
  beforeAll(async () => {
    server = await startTestApiserver({
      audit: {
        logPath,
        policy: policyOf(
          { level: 'Metadata', resources: [{ resources: ['secrets'] }, { group: 'authentication.k8s.io' }] },
          { level: 'RequestResponse', resources: [{ resources: ['configmaps'] }], omitManagedFields: true },
          { level: 'Request', resources: [{ group: 'apps' }], omitStages: ['RequestReceived'] },
          { level: 'Metadata', verbs: ['watch'], resources: [{ resources: ['pods'] }] },
          { level: 'Metadata', nonResourceURLs: ['/version'] },
        ),
      },
    });
  });
  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  it('has requests and answers as the policy says', async () => {
    const { client } = server;
    const collection = '/api/v1/namespaces/default/configmaps';
    await client.create(resources.configmaps, {
      metadata: { name: 'a', namespace: 'default' },
      data: { k: 'v' },
    });
    const [received, done] = await complete(collection);
    expect(received).toMatchObject({ stage: 'RequestReceived', verb: 'create', level: 'RequestResponse' });
    expect(received).not.toHaveProperty('requestObject');
    expect(done).toMatchObject({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'RequestResponse',
      stage: 'ResponseComplete',
      auditID: received?.auditID,
      user: { username: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] },
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'a', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 201 },
      requestObject: { data: { k: 'v' } },
      responseObject: { kind: 'ConfigMap', data: { k: 'v' } },
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    });
    expect(done?.requestReceivedTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(done?.responseObject).not.toHaveProperty(['metadata', 'managedFields']);
    await expect(client.get(resources.configmaps, { name: 'none', namespace: 'default' })).rejects.toThrow();
    const [, missing] = await complete(`${collection}/none`);
    expect(missing?.responseStatus).toMatchObject({ status: 'Failure', reason: 'NotFound', code: 404 });
  });

  it('has no bodies of what only its metadata are wanted of, and nothing of what nobody wants', async () => {
    const { client } = server;
    const data = { password: Buffer.from('hunter2').toString('base64') };
    await client.create(resources.secrets, { metadata: { name: 's', namespace: 'default' }, data });
    const made = await client.request<{ status: { token: string } }>(
      'POST',
      '/api/v1/namespaces/default/serviceaccounts',
      { metadata: { name: 'robot' } },
    );
    expect(made).toBeTruthy();
    await client.request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: 'a-token-to-look-at' },
    });
    await complete('/api/v1/namespaces/default/secrets');
    await complete('/apis/authentication.k8s.io/v1/tokenreviews');
    const text = readFileSync(logPath, 'utf8');
    expect(text).not.toContain(data.password);
    expect(text).not.toContain('a-token-to-look-at');
    expect(text).not.toContain('robot');
  });

  it('has what was sent at level Request, and no stage that is left out', async () => {
    const spec = {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [] } },
    };
    await expect(
      server.client.create(resources.deployments, { metadata: { name: 'd', namespace: 'default' }, spec }),
    ).rejects.toThrow();
    const events = await complete('/apis/apps/v1/namespaces/default/deployments');
    expect(events.map(({ stage }) => stage)).toEqual(['ResponseComplete']);
    expect(events[0]).toMatchObject({
      requestObject: { kind: 'Deployment' },
      responseStatus: { code: 422, reason: 'Invalid' },
    });
  });

  it('has watches when they begin and when they end', async () => {
    const abort = new AbortController();
    const watching = server.client.watch(resources.pods, { signal: abort.signal });
    const first = watching[Symbol.asyncIterator]().next();
    const stages = () =>
      lines()
        .filter(({ verb }) => verb === 'watch')
        .map(({ stage }) => stage);
    await expect.poll(stages).toContain('ResponseStarted');
    abort.abort();
    await first.catch(() => undefined);
    await expect.poll(stages).toEqual(['RequestReceived', 'ResponseStarted', 'ResponseComplete']);
  });

  it('has who was impersonated, who was refused, and never what they showed', async () => {
    const response = await server.client
      .request('GET', '/api/v1/namespaces/default/configmaps/x', undefined, {
        'impersonate-user': 'jane',
        authorization: 'Bearer very-secret',
      })
      .then(
        () => 'there',
        (error: Error) => error.message,
      );
    expect(response).toContain('User "jane" cannot get resource "configmaps"');
    const [, refused] = await complete('/api/v1/namespaces/default/configmaps/x');
    expect(refused).toMatchObject({
      user: { username: 'system:apiserver' },
      impersonatedUser: { username: 'jane', groups: ['system:authenticated'] },
      responseStatus: { code: 403, reason: 'Forbidden' },
      annotations: { 'authorization.k8s.io/decision': 'forbid' },
    });
    expect(readFileSync(logPath, 'utf8')).not.toContain('very-secret');
  });
});

// From upstream's `apiserver/pkg/audit/policy/checker_test.go`.
describe('a policy', () => {
  const user = { name: 'tim@k8s.io', groups: ['humans', 'developers'] };
  const pod = {
    verb: 'get',
    group: '',
    resource: 'pods',
    subresource: 'log',
    namespace: 'default',
    name: 'busybox',
  };
  const namespaced = { verb: 'get', group: '', resource: 'pods', namespace: 'default', name: 'busybox' };
  const cluster = { verb: 'get', group: 'rbac.authorization.k8s.io', resource: 'clusterroles', name: 'edit' };
  const path = { verb: 'get', path: '/logs' };
  const known: [string, Omit<PolicyRule, 'level'>, Parameters<typeof decide>[2], boolean][] = [
    ['everybody', {}, namespaced, true],
    ['a user', { users: ['tim@k8s.io'] }, path, true],
    ['other users', { users: ['phred@k8s.io'] }, namespaced, false],
    ['a group', { userGroups: ['developers'] }, cluster, true],
    ['verbs', { verbs: ['create'] }, namespaced, false],
    ['pods', { resources: [{ resources: ['pods'] }] }, namespaced, true],
    ['pods, not their logs', { resources: [{ resources: ['pods'] }] }, pod, false],
    ['logs of pods', { resources: [{ resources: ['pods/log'] }] }, pod, true],
    ['parts of pods', { resources: [{ resources: ['pods/*'] }] }, pod, true],
    ['logs', { resources: [{ resources: ['*/log'] }] }, pod, true],
    ['parts of pods, not pods', { resources: [{ resources: ['pods/*'] }] }, namespaced, false],
    ['all of a group', { resources: [{ group: 'rbac.authorization.k8s.io' }] }, cluster, true],
    ['a name', { resources: [{ resources: ['pods'], resourceNames: ['busybox'] }] }, namespaced, true],
    ['another name', { resources: [{ resources: ['pods'], resourceNames: ['other'] }] }, namespaced, false],
    ['a namespace', { namespaces: ['default'] }, namespaced, true],
    ['no namespace', { namespaces: [''] }, cluster, true],
    ['no namespace, not paths', { namespaces: [''] }, path, false],
    ['paths', { nonResourceURLs: ['/logs*'] }, path, true],
    ['paths, not resources', { nonResourceURLs: ['*'] }, namespaced, false],
  ];
  it.each(known)('for %s', (_, rule, asked, expected) => {
    const { level } = decide(policyOf({ level: 'Request', ...rule }), user, asked);
    expect(level).toBe(expected ? 'Request' : 'None');
  });

  it('is refused where it says something else', () => {
    const wrong: [unknown, string][] = [
      [
        { kind: 'Policy', apiVersion: 'audit.k8s.io/v1beta1' },
        'apiVersion: Invalid value: "audit.k8s.io/v1beta1": must be audit.k8s.io/v1',
      ],
      [policyOf(), 'rules: Invalid value: []'],
      [
        { ...policyOf(), rules: [{ level: 'All' }] },
        'rules[0].level: Invalid value: "All": must be one of None, Metadata, Request, RequestResponse',
      ],
      [
        { ...policyOf(), rules: [{ level: 'None', nonResourceURLs: ['logs'] }] },
        "must begin with a '/' character",
      ],
      [
        { ...policyOf(), rules: [{ level: 'None', nonResourceURLs: ['/a'], namespaces: ['b'] }] },
        'rules cannot apply to both regular resources and non-resource URLs',
      ],
    ];
    for (const [policy, text] of wrong) expect(() => readPolicy(policy), text).toThrow(text);
  });
});
