import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Resource, resources } from '../../api/scheme.ts';
import type {
  ConfigMap,
  ValidatingAdmissionPolicyBindingSpec,
  ValidatingAdmissionPolicySpec,
} from '../../api/types.ts';
import type { AuditPolicy } from '../audit/policy.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

let server: TestApiserver;
const folder = mkdtempSync(join(tmpdir(), 'v9s-policies-'));
const logPath = join(folder, 'audit.log');
beforeAll(async () => {
  const policy: AuditPolicy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    rules: [
      { level: 'Metadata', resources: [{ resources: ['configmaps'] }], omitStages: ['RequestReceived'] },
    ],
  };
  server = await startTestApiserver({ audit: { policy, logPath } });
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  const kinds: Resource[] = [
    resources.validatingadmissionpolicybindings,
    resources.validatingadmissionpolicies,
  ];
  for (const kind of kinds) {
    const { items } = await server.client.list(kind);
    for (const { metadata } of items) await server.client.delete(kind, { name: metadata?.name ?? '' });
  }
});

const rules = [
  {
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    apiGroups: [''],
    apiVersions: ['v1'],
    resources: ['configmaps'],
  },
];

const policy = (name: string, spec: ValidatingAdmissionPolicySpec) =>
  server.client.create(resources.validatingadmissionpolicies, {
    metadata: { name },
    spec: { matchConstraints: { resourceRules: rules }, ...spec },
  });
const bind = (name: string, spec: Partial<ValidatingAdmissionPolicyBindingSpec> = {}) =>
  server.client.create(resources.validatingadmissionpolicybindings, {
    metadata: { name: `${name}-binding` },
    spec: { policyName: name, validationActions: ['Deny'], ...spec },
  });

const make = (name: string, data: Record<string, string> = {}) =>
  server.client.create(resources.configmaps, { metadata: { name, namespace: 'default' }, data });

async function bound(spec: ValidatingAdmissionPolicySpec, binding = {}): Promise<void> {
  await policy('p', spec);
  await bind('p', binding);
}

const denied = (name: string, why: string) =>
  `configmaps "${name}" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p-binding' denied request: ${why}`;

const expressions: [string, string][] = [
  ['object.metadata.name.startsWith("no")', 'failed expression'],
  ['request.operation == "UPDATE"', 'failed expression'],
  ['request.userInfo.username == "nobody"', 'failed expression'],
  ['namespaceObject.metadata.name == "other"', 'failed expression'],
  ['size(object.data) > 5', 'failed expression'],
  ['quantity(object.data.amount).isGreaterThan(quantity("2Gi"))', 'failed expression'],
  ['object.data.?missing.hasValue()', 'failed expression'],
  [
    'authorizer.serviceAccount("default", "x").group("").resource("pods").check("get").allowed()',
    'failed expression',
  ],
];
it.each(expressions)('refuses what does not keep to %s', async (expression, why) => {
  await bound({ validations: [{ expression }] });
  await expect(make('a', { amount: '1Gi' })).rejects.toMatchObject({
    code: 422,
    reason: 'Invalid',
    message: denied('a', `${why}: ${expression}`),
  });
});

it('lets through what keeps to it, and what somebody may', async () => {
  await bound({
    variables: [
      { name: 'data', expression: 'object.data' },
      { name: 'twice', expression: 'variables.data.a + variables.data.a' },
    ],
    validations: [
      { expression: 'variables.twice == "xx"' },
      { expression: 'authorizer.requestResource.check("create").allowed()' },
      { expression: 'authorizer.path("/healthz").check("get").allowed()' },
      { expression: 'oldObject == null && request.namespace == "default" && !request.dryRun' },
    ],
    matchConditions: [{ name: 'created', expression: 'request.operation != "DELETE"' }],
  });
  expect((await make('kept', { a: 'x' })).data).toEqual({ a: 'x' });
  await server.client.delete(resources.configmaps, { name: 'kept', namespace: 'default' });
});

it('says what message, messageExpression and reason say', async () => {
  await bound({
    validations: [{ expression: 'object.data.a == "1"', message: ' plain ', reason: 'Forbidden' }],
  });
  await expect(make('b', { a: '2' })).rejects.toMatchObject({
    code: 403,
    reason: 'Forbidden',
    message: denied('b', 'plain'),
  });
  await server.client.patch(resources.validatingadmissionpolicies, { name: 'p' }, 'merge', {
    spec: {
      validations: [{ expression: 'object.data.a == "1"', messageExpression: "'a is ' + object.data.a" }],
    },
  });
  await expect(make('c', { a: '2' })).rejects.toThrow(denied('c', 'a is 2'));
});

it('does by failurePolicy what cannot be evaluated', async () => {
  await bound({ validations: [{ expression: 'object.nope == 1' }] });
  await expect(make('d')).rejects.toThrow(
    denied('d', "expression 'object.nope == 1' resulted in error: no such key: nope"),
  );
  await server.client.patch(resources.validatingadmissionpolicies, { name: 'p' }, 'merge', {
    spec: { failurePolicy: 'Ignore' },
  });
  await make('d');
});

it('takes parameters by name, by selector, and knows what to do without', async () => {
  const { client } = server;
  const param = (name: string, most: string): ConfigMap => ({
    metadata: { name, namespace: 'kube-system', labels: { most: 'yes' } },
    data: { most },
  });
  await client.create(resources.configmaps, param('one', '1'));
  await client.create(resources.configmaps, param('five', '5'));
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
  const paramRef = { name: 'one', namespace: 'kube-system', parameterNotFoundAction: 'Deny' };
  await bound(
    { paramKind, validations: [{ expression: 'size(object.data) <= int(params.data.most)' }] },
    { paramRef },
  );
  await make('e', { a: '1' });
  await expect(make('f', { a: '1', b: '2' })).rejects.toThrow(denied('f', 'failed expression'));
  const update = (ref: object) =>
    client.patch(resources.validatingadmissionpolicybindings, { name: 'p-binding' }, 'merge', {
      spec: { paramRef: ref },
    });
  await update({ name: 'five' });
  await make('f', { a: '1', b: '2' });
  await update({ name: null, selector: { matchLabels: { most: 'yes' } } });
  await expect(make('g', { a: '1', b: '2' })).rejects.toThrow(denied('g', 'failed expression'));
  await update({ selector: { matchLabels: { most: 'never' } } });
  await expect(make('g')).rejects.toThrow(
    denied(
      'g',
      'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
    ),
  );
  await update({ parameterNotFoundAction: 'Allow' });
  await make('g', { a: '1', b: '2' });
});

it('warns where a binding wants that, and leaves alone what it does not match', async () => {
  await bound(
    { validations: [{ expression: 'false', message: 'never' }] },
    {
      validationActions: ['Warn', 'Audit'],
      matchResources: { objectSelector: { matchLabels: { look: 'here' } } },
    },
  );
  const warnings = (body: object) =>
    new Promise<string[]>((resolve, reject) => {
      const outgoing = request(
        {
          ...{ socketPath: server.socket, method: 'POST', headers: { 'content-type': 'application/json' } },
          path: '/api/v1/namespaces/default/configmaps',
        },
        (answer) => {
          answer.resume();
          resolve([answer.headers.warning ?? []].flat());
        },
      );
      outgoing.once('error', reject);
      outgoing.end(JSON.stringify(body));
    });
  expect(await warnings({ metadata: { name: 'w', labels: { look: 'here' } } })).toEqual([
    "299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p-binding': never\"",
  ]);
  expect(await warnings({ metadata: { name: 'v' } })).toEqual([]);
});

it('has something to say in the audit log', async () => {
  await bound(
    {
      validations: [{ expression: 'false', message: 'never' }],
      auditAnnotations: [
        { key: 'who', valueExpression: '"made by " + request.userInfo.username' },
        { key: 'nothing', valueExpression: 'null' },
      ],
    },
    { validationActions: ['Audit'] },
  );
  await make('audited');
  const annotations = () =>
    readFileSync(logPath, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"audited"'))
      .map((line) => JSON.parse(line).annotations)[0];
  await expect.poll(annotations).toMatchObject({
    'p/who': 'made by system:apiserver',
    'validation.policy.admission.k8s.io/validation_failure': JSON.stringify([
      {
        message: 'never',
        policy: 'p',
        binding: 'p-binding',
        expressionIndex: 0,
        validationActions: ['Audit'],
      },
    ]),
  });
  expect(annotations()).not.toHaveProperty('p/nothing');
});

const wrong: [Partial<ValidatingAdmissionPolicySpec>, string][] = [
  [
    { validations: [{ expression: 'object.x >' }] },
    'spec.validations[0].expression: Invalid value: "object.x >": compilation failed: ',
  ],
  [{ validations: [{ expression: 'foo' }] }, "undeclared reference to 'foo' (in container '')"],
  [{ validations: [{ expression: '"text"' }] }, 'must evaluate to bool'],
  [
    { validations: [] },
    'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
  ],
  [
    { validations: [{ expression: 'true', reason: 'Other' }] },
    'spec.validations[0].reason: Unsupported value: "Other": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"',
  ],
  [{ validations: [{ expression: 'true', messageExpression: '1' }] }, 'must evaluate to string'],
  [
    { variables: [{ name: '1a', expression: '1' }], validations: [{ expression: 'true' }] },
    'name is not a valid CEL identifier',
  ],
  [
    { paramKind: { kind: 'A' }, validations: [{ expression: 'true' }] },
    'spec.paramKind.apiVersion: Required value',
  ],
  [{ auditAnnotations: [{ key: 'a', valueExpression: '1' }] }, 'must evaluate to one of string, null'],
];
it.each(wrong)('refuses the policy %j', async (spec, text) => {
  await expect(policy('w', spec)).rejects.toThrow(text);
});
