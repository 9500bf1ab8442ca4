import { expect, test } from 'vitest';
import { failure } from '../testing/failure.ts';
import { decode, decodePatched } from './decode.ts';
import { parseBody, parseJson } from './parse.ts';
import { canonicalQuantity } from './quantity.ts';

const service = (spec: unknown) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec });
const deployment = (spec: unknown) => ({ apiVersion: 'apps/v1', kind: 'Deployment', spec });
const pod = (container: object) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  spec: { containers: [{ name: 'a', ...container }] },
});

test('a strict decoding refuses unknown fields and names each', () => {
  const body = deployment({ foo: 1, template: { spec: { containers: [{ bar: 2 }] } } });
  const error = failure(() => decode('Deployment', body, 'Strict'));
  expect(error.code).toBe(400);
  expect(error.message).toBe(
    'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ' +
      'unknown field "spec.foo", unknown field "spec.template.spec.containers[0].bar"',
  );
});

test('warn and ignore drop unknown fields; only warn tells', () => {
  const body = deployment({ foo: 1, replicas: 2 });
  expect(decode('Deployment', body, 'Warn')).toEqual({
    object: deployment({ replicas: 2 }),
    warnings: ['unknown field "spec.foo"'],
  });
  expect(decode('Deployment', body, 'Ignore')).toEqual({ object: deployment({ replicas: 2 }), warnings: [] });
});

test('field names are compared with their case, and inherited names are unknown', () => {
  expect(decode('Service', service({ Type: 'x' }), 'Warn').warnings).toEqual(['unknown field "spec.Type"']);
  expect(decode('Service', service(JSON.parse('{"constructor":1}')), 'Warn').warnings).toEqual([
    'unknown field "spec.constructor"',
  ]);
});

test('nulls vanish from structs and become zero values in lists and maps', () => {
  const body = service({ selector: { a: null, b: 'c' }, clusterIP: null, externalIPs: [null] });
  expect(decode('Service', body, 'Strict').object).toEqual(
    service({ selector: { a: '', b: 'c' }, externalIPs: [''] }),
  );
});

test('duplicate fields count as strict errors', () => {
  const { value, duplicates } = parseJson('{"kind":"Service","spec":{"type":"a","type":"b"}}');
  expect(duplicates).toEqual(['spec.type']);
  expect(failure(() => decode('Service', value, 'Strict', duplicates)).message).toBe(
    'Service in version "v1" cannot be handled as a Service: strict decoding error: duplicate field "spec.type"',
  );
});

const wrong: [string, unknown, string][] = [
  [
    'Service',
    service({ ports: [{ port: 'http' }] }),
    'json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
  ],
  [
    'Service',
    service({ ports: [{ port: 3000000000 }] }),
    'json: cannot unmarshal number 3000000000 into Go struct field ServicePort.spec.ports.port of type int32',
  ],
  [
    'Service',
    service({ ports: [{ port: 80, targetPort: true }] }),
    'json: cannot unmarshal bool into Go struct field ServicePort.spec.ports.targetPort of type int32',
  ],
  [
    'Service',
    service({ ports: { port: 80 } }),
    'json: cannot unmarshal object into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort',
  ],
  [
    'Service',
    service({ selector: 'a=b' }),
    'json: cannot unmarshal string into Go struct field ServiceSpec.spec.selector of type map[string]string',
  ],
  [
    'Service',
    service('x'),
    'json: cannot unmarshal string into Go struct field Service.spec of type v1.ServiceSpec',
  ],
  [
    'Deployment',
    deployment({ replicas: 'three' }),
    'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  ],
  [
    'Pod',
    pod({ stdin: 'yes' }),
    'json: cannot unmarshal string into Go struct field Container.spec.containers.stdin of type bool',
  ],
  [
    'Pod',
    pod({ resources: { limits: { cpu: 'much' } } }),
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  ],
  [
    'Secret',
    { kind: 'Secret', apiVersion: 'v1', data: { a: 'abc$' } },
    'illegal base64 data at input byte 3',
  ],
  [
    'Lease',
    { kind: 'Lease', apiVersion: 'coordination.k8s.io/v1', spec: { renewTime: 'now' } },
    'parsing time "now" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "now" as "2006"',
  ],
];

test.each(wrong)('%s: wrong type %#', (type, body, reason) => {
  const error = failure(() => decode(type, body, 'Ignore'));
  expect(error.reason).toBe('BadRequest');
  expect(error.message).toBe(`${type} in version "v1" cannot be handled as a ${type}: ${reason}`);
});

test.each(['1', '100m', '1.5Gi', '.5', '2e3', '1E', '0', '-1k'])('quantity %s', (cpu) => {
  const { object } = decode('Pod', pod({ resources: { limits: { cpu } } }), 'Strict');
  expect(object).toEqual(pod({ resources: { limits: { cpu: canonicalQuantity(cpu) } } }));
});

test('numbers are taken as quantities, times are stored in UTC', () => {
  const { object } = decode('Pod', pod({ resources: { requests: { cpu: 2 } } }), 'Strict');
  expect(object).toEqual(pod({ resources: { requests: { cpu: '2' } } }));
  const lease = { spec: { renewTime: '2024-05-01T02:00:00.5+02:00' } };
  expect(decode('Lease', lease, 'Strict').object).toEqual({
    spec: { renewTime: '2024-05-01T00:00:00.500000Z' },
  });
  const meta = { metadata: { creationTimestamp: '2024-05-01T00:00:00.7Z' } };
  expect(decode('Pod', meta, 'Strict').object).toEqual({
    metadata: { creationTimestamp: '2024-05-01T00:00:00Z' },
  });
});

test('what a patch made is refused as Invalid', () => {
  const error = failure(() => decodePatched('Service', service({ foo: 1 }), 'Strict'));
  expect(error.code).toBe(422);
  expect(error.message).toContain('strict decoding error: unknown field "spec.foo"');
});

test('a strategic merge patch that does not fit is quoted, in the words of a conversion', () => {
  const patch = { metadata: { labels: 'invalid' }, spec: { ports: [1, null] } };
  const refused = (value: object) => failure(() => decodePatched('Service', value, 'Ignore', patch)).message;
  const quoted = 'Invalid value: "map[metadata:map[labels:invalid] spec:map[ports:[1 <nil>]]]"';
  expect(refused(patch)).toBe(` "" is invalid: patch: ${quoted}: cannot restore map from string`);
  expect(refused({ spec: { ports: {} } })).toContain(`${quoted}: cannot restore slice from map`);
  expect(refused({ spec: 5 })).toContain(`${quoted}: cannot restore struct from: int64`);
});

test('bodies that cannot be read', async () => {
  await expect(parseBody('{"a":', 'application/json')).rejects.toMatchObject({ reason: 'BadRequest' });
  await expect(parseBody('a: [', 'application/yaml')).rejects.toMatchObject({ reason: 'BadRequest' });
  await expect(parseBody('', 'application/vnd.kubernetes.protobuf')).rejects.toMatchObject({ code: 415 });
});

test('YAML bodies, with duplicates in lists', async () => {
  const text = 'spec:\n  ports:\n  - port: 1\n    port: 2\n';
  expect(await parseBody(text, 'application/yaml; charset=utf-8')).toEqual({
    value: { spec: { ports: [{ port: 2 }] } },
    duplicates: ['spec.ports[0].port'],
  });
});
