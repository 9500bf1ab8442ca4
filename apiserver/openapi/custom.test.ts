import { expect, test } from 'vitest';
import type { Resource } from '../../api/scheme.ts';
import { resources } from '../../api/scheme.ts';
import type { JSONSchemaProps } from '../../api/types.ts';
import { customSchemas } from './custom.ts';

const stored: Resource = {
  ...resources.configmaps,
  group: 'example.com',
  kind: 'Foo',
  name: 'foos',
  type: 'Foo',
};
const foos: Resource = { ...stored, stored };
const shown = (schema: JSONSchemaProps, dialect: 2 | 3) =>
  customSchemas([foos], () => schema, dialect).Foo as {
    properties?: Record<string, object>;
    description?: string;
  };

// The cases are those of upstream's pkg/controller/openapi/v2/conversion_test.go and builder_test.go.
test('version 2 has no type, and no fields, where there may be null or fields that nobody knows', () => {
  const schema: JSONSchemaProps = {
    type: 'object',
    properties: {
      free: {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        properties: { known: { type: 'string' } },
      },
      list: { type: 'array', 'x-kubernetes-preserve-unknown-fields': true, items: { type: 'string' } },
      empty: { type: 'string', nullable: true },
      full: { type: 'string' },
    },
    required: ['empty', 'full'],
  };
  const { properties, ...rest } = shown(schema, 2);
  expect(properties).toMatchObject({ full: { type: 'string' } });
  expect(properties?.free).toEqual({ 'x-kubernetes-preserve-unknown-fields': true });
  expect(properties?.list).toEqual({ 'x-kubernetes-preserve-unknown-fields': true });
  expect(properties?.empty).toEqual({});
  expect(rest).toMatchObject({ type: 'object', required: ['full'] });
  expect(shown(schema, 3)).toMatchObject({ ...schema, properties: schema.properties });
});

test('version 2 says nothing but the kind of objects that may hold anything', () => {
  const schema: JSONSchemaProps = {
    description: 'anything',
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
  };
  expect(shown(schema, 2)).toEqual({
    type: 'object',
    'x-kubernetes-group-version-kind': [expect.anything()],
  });
  expect(shown(schema, 3)).toMatchObject(schema);
});
