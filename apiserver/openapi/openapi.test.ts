import { expect, test } from 'vitest';
import { createOpenApi } from './openapi.ts';

interface Document {
  paths: Record<string, Record<string, Record<string, unknown>>>;
  components: { schemas: Record<string, Record<string, unknown>> };
  definitions: Record<string, Record<string, unknown>>;
}

const openApi = createOpenApi();
const document = (path: string): Document =>
  JSON.parse(openApi.groupVersion(path)?.text ?? 'null') as Document;
const core = 'io.k8s.api.core.v1';

test('the index names every group version with the hash of its document', () => {
  const { paths } = JSON.parse(openApi.index()) as { paths: Record<string, { serverRelativeURL: string }> };
  expect(Object.keys(paths)).toEqual([
    'api/v1',
    'apis/events.k8s.io/v1',
    'apis/events.k8s.io/v1beta1',
    'apis/apps/v1',
    'apis/extensions/v1beta1',
    'apis/batch/v1',
    'apis/batch/v1beta1',
    'apis/policy/v1',
    'apis/policy/v1beta1',
    'apis/discovery.k8s.io/v1',
    'apis/discovery.k8s.io/v1beta1',
    'apis/coordination.k8s.io/v1',
    'apis/networking.k8s.io/v1',
    'apis/rbac.authorization.k8s.io/v1',
    'apis/rbac.authorization.k8s.io/v1beta1',
    'apis/certificates.k8s.io/v1',
    'apis/certificates.k8s.io/v1beta1',
    'apis/apiextensions.k8s.io/v1',
    'apis/apiextensions.k8s.io/v1beta1',
    'apis/autoscaling/v2',
    'apis/autoscaling/v1',
    'apis/autoscaling/v2beta2',
    'apis/scheduling.k8s.io/v1',
    'apis/node.k8s.io/v1',
    'apis/networking.k8s.io/v1beta1',
    'apis/storage.k8s.io/v1',
    'apis/admissionregistration.k8s.io/v1',
    'apis/apiregistration.k8s.io/v1',
    'apis/flowcontrol.apiserver.k8s.io/v1',
  ]);
  for (const [path, { serverRelativeURL }] of Object.entries(paths)) {
    expect(serverRelativeURL).toBe(`/openapi/v3/${path}?hash=${openApi.groupVersion(path)?.etag}`);
  }
  expect(openApi.groupVersion('apis/batch/v2')).toBeUndefined();
});

test('kubectl finds fieldValidation on the PATCH of a kind', () => {
  const { patch } =
    document('apis/apps/v1').paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'] ?? {};
  expect(patch?.['x-kubernetes-group-version-kind']).toEqual({
    group: 'apps',
    kind: 'Deployment',
    version: 'v1',
  });
  const names = ((patch?.parameters ?? []) as { name: string }[]).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['dryRun', 'fieldManager', 'fieldValidation']));
  expect(patch?.requestBody).toHaveProperty(['content', 'application/strategic-merge-patch+json']);
});

test('every reference leads somewhere, in every document', () => {
  const texts = ['api/v1', 'apis/apps/v1', 'apis/discovery.k8s.io/v1', 'apis/coordination.k8s.io/v1'].map(
    document,
  );
  const v2 = JSON.parse(openApi.v2().text) as Document;
  for (const one of [...texts, v2]) {
    const known = one.components?.schemas ?? one.definitions;
    const references = [
      ...JSON.stringify(one).matchAll(/"\$ref":"#\/(?:components\/schemas|definitions)\/([^"]+)"/g),
    ];
    expect(references.length).toBeGreaterThan(10);
    for (const [, name = ''] of references) expect(known).toHaveProperty([name]);
  }
});

test('schemas carry the kind, required fields and merge keys', () => {
  const { schemas } = document('api/v1').components;
  expect(schemas[`${core}.Pod`]?.['x-kubernetes-group-version-kind']).toEqual([
    { group: '', kind: 'Pod', version: 'v1' },
  ]);
  expect(schemas[`${core}.PodSpec`]?.required).toEqual(['containers']);
  expect(schemas[`${core}.PodSpec`]).toHaveProperty(
    'properties.volumes.x-kubernetes-patch-strategy',
    'merge,retainKeys',
  );
  expect(schemas[`${core}.ServiceSpec`]).toHaveProperty(
    'properties.ports.x-kubernetes-patch-merge-key',
    'port',
  );
  expect(schemas[`${core}.Event`]).toBeDefined();
  expect(schemas[`${core}.PodList`]).toHaveProperty('properties.items.type', 'array');
});

test('quantities, times and int-or-strings have names of their own', () => {
  const { schemas } = document('api/v1').components;
  expect(schemas[`${core}.ResourceRequirements`]).toHaveProperty('properties.limits.additionalProperties', {
    allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity' }],
  });
  expect(schemas[`${core}.ServicePort`]).toHaveProperty('properties.targetPort', {
    allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString' }],
  });
});

test('the protobuf form starts with the version of Swagger and holds every path', () => {
  const { bytes } = openApi.v2Protobuf();
  const buffer = Buffer.from(bytes);
  expect(buffer.subarray(0, 5)).toEqual(Buffer.from([0x0a, 3, ...Buffer.from('2.0')]));
  const { paths } = JSON.parse(openApi.v2().text) as Document;
  for (const path of Object.keys(paths)) expect(buffer.includes(path)).toBe(true);
  const fields = topLevelFields(buffer);
  expect(fields).toEqual([1, 2, 8, 9]);
});

/** Field numbers of a message whose fields are all length-delimited; fails when the lengths do not add up. */
function topLevelFields(buffer: Buffer): number[] {
  const fields: number[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = buffer[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < buffer.length) {
    const key = varint();
    expect(key & 7).toBe(2);
    fields.push(key >> 3);
    const length = varint();
    at += length;
  }
  expect(at).toBe(buffer.length);
  return fields;
}
