import { expect, it } from 'vitest';
import type { CustomResourceDefinition, JSONSchemaProps } from '../../../api/types.ts';
import { customResourceDefinitionStrategy as strategy } from './strategy.ts';
import { validateDefinition } from './validate.ts';

const base = (): CustomResourceDefinition => ({
  metadata: { name: 'plural.group.com' },
  spec: {
    group: 'group.com',
    scope: 'Cluster',
    names: { plural: 'plural', singular: 'singular', kind: 'Plural', listKind: 'PluralList' },
    versions: [
      { name: 'version', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
    ],
  },
  status: { storedVersions: ['version'] },
});

const findings = (definition: CustomResourceDefinition, old?: CustomResourceDefinition) =>
  validateDefinition(definition, old).map(({ field, message }) => `${field}: ${message}`);

function ofSchema(schema: JSONSchemaProps): string[] {
  const definition = base();
  definition.spec.versions = [
    { name: 'version', served: true, storage: true, schema: { openAPIV3Schema: schema } },
  ];
  const prefix = 'spec.versions[0].schema.openAPIV3Schema.';
  return findings(definition).map((text) => text.replace(prefix, ''));
}

/** After `TestValidateCustomResourceDefinition` of upstream's `validation_test.go`. */
const changes: [string, (definition: CustomResourceDefinition) => void, string[]][] = [
  ['nothing', () => undefined, []],
  [
    'the name',
    (one) => {
      one.metadata = { name: 'other' };
    },
    ['metadata.name: Invalid value: "other": must be spec.names.plural+"."+spec.group'],
  ],
  [
    'the group',
    (one) => {
      one.spec.group = 'group';
    },
    ['metadata.name: ', 'spec.group: Invalid value: "group": should be a domain with at least one dot'],
  ],
  [
    'the scope',
    (one) => {
      one.spec.scope = 'Elsewhere';
    },
    ['spec.scope: Unsupported value: "Elsewhere": supported values: "Cluster", "Namespaced"'],
  ],
  [
    'the kinds',
    (one) => {
      one.spec.names.listKind = 'Plural';
    },
    ['spec.names.listKind: Invalid value: "Plural": kind and listKind may not be the same'],
  ],
  [
    'a short name',
    (one) => {
      one.spec.names.shortNames = ['A'];
    },
    ['spec.names.shortNames[0]: Invalid value: "A": a DNS-1035 label'],
  ],
  [
    'no storage',
    (one) => {
      for (const version of one.spec.versions) version.storage = false;
    },
    ['spec.versions: Invalid value: '],
  ],
  [
    'no schema',
    (one) => {
      for (const version of one.spec.versions) delete version.schema;
    },
    ['spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required'],
  ],
  [
    'stored versions',
    (one) => {
      one.status = { storedVersions: [] };
    },
    ['status.storedVersions: Invalid value: []: must have at least one stored version'],
  ],
  [
    'a stored version',
    (one) => {
      one.status = { storedVersions: ['version', 'v0'] };
    },
    ['status.storedVersions[1]: Invalid value: "v0": must appear in spec.versions'],
  ],
  [
    'a webhook',
    (one) => {
      one.spec.conversion = { strategy: 'Webhook' };
    },
    [
      'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook',
      'spec.conversion.conversionReviewVersions: Required value',
    ],
  ],
  [
    'unknown fields',
    (one) => {
      one.spec.preserveUnknownFields = true;
    },
    ['spec.preserveUnknownFields: Invalid value: true: cannot set to true'],
  ],
  [
    'a column',
    (one) => {
      for (const version of one.spec.versions)
        version.additionalPrinterColumns = [{ name: '', type: 'x', jsonPath: 'a' }];
    },
    [
      'spec.versions[0].additionalPrinterColumns[0].name: Required value',
      'spec.versions[0].additionalPrinterColumns[0].type: Invalid value: "x": must be one of boolean,date,integer,number,string',
      'spec.versions[0].additionalPrinterColumns[0].jsonPath: Invalid value: "a": must be a simple json path starting with .',
    ],
  ],
  [
    'a scale',
    (one) => {
      for (const version of one.spec.versions)
        version.subresources = { scale: { specReplicasPath: '.status.a', statusReplicasPath: '' } };
    },
    [
      'spec.versions[0].subresources.scale.specReplicasPath: Invalid value: ".status.a": should be a json path under .spec',
      'spec.versions[0].subresources.scale.statusReplicasPath: Required value',
    ],
  ],
];
it.each(changes)('looks at %s', (_, change, expected) => {
  const definition = base();
  change(definition);
  const found = findings(definition);
  expect(found.map((text, index) => text.slice(0, expected[index]?.length))).toEqual(expected);
});

it('keeps what may not change', () => {
  const old = base();
  old.status = { ...old.status, conditions: [{ type: 'Established', status: 'True' }] };
  const next = base();
  next.spec.scope = 'Namespaced';
  next.spec.names.kind = 'Other';
  expect(findings(next, old)).toEqual([
    'spec.scope: Invalid value: "Namespaced": field is immutable',
    'spec.names.kind: Invalid value: "Other": field is immutable',
  ]);
});

it('fills in what follows from the rest', () => {
  const { spec } = base();
  const definition = { spec: { ...spec, names: { plural: 'plural', kind: 'Plural' } } };
  strategy.defaults?.(definition);
  expect(definition.spec).toMatchObject({
    names: { singular: 'plural', listKind: 'PluralList' },
    conversion: { strategy: 'None' },
  });
});

/** After upstream's `pkg/apiserver/schema/validation_test.go` and `validation_test.go`. */
const schemas: [JSONSchemaProps, string[]][] = [
  [
    { type: 'object', properties: { a: {} } },
    ['properties[a].type: Required value: must not be empty for specified object fields'],
  ],
  [
    { type: 'object', properties: { a: { type: 'array' } } },
    ['properties[a].items: Required value: must be specified'],
  ],
  [
    { type: 'array', items: { type: 'string' } },
    ['type: Invalid value: "array": must be object at the root'],
  ],
  [
    { type: 'object', additionalProperties: { type: 'string' } },
    ['additionalProperties: Forbidden: must not be used at the root'],
  ],
  [{ type: 'object', properties: { a: { type: 'string', nullable: true } } }, []],
  [
    {
      type: 'object',
      properties: {
        a: { type: 'object', properties: { b: { type: 'string' } }, additionalProperties: false },
      },
    },
    [
      'properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive',
    ],
  ],
  [
    { type: 'object', anyOf: [{ type: 'string' }] },
    ['anyOf[0].type: Forbidden: must be empty to be structural'],
  ],
  [
    { type: 'object', anyOf: [{ properties: { a: { minimum: 1 } } }] },
    [
      'properties[a]: Required value: because it is defined in spec.versions[0].schema.openAPIV3Schema.anyOf[0].properties[a]',
    ],
  ],
  [
    {
      type: 'object',
      properties: {
        a: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
      },
    },
    [],
  ],
  [
    { type: 'object', properties: { a: { type: 'integer', default: 'x' } } },
    ['properties[a].default: Invalid value: "string":'],
  ],
  [
    { type: 'object', properties: { a: { type: 'object', default: { b: 1 } } } },
    ['properties[a].default: Invalid value: {"b":1}: must not have unknown fields'],
  ],
  [
    {
      type: 'object',
      properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } },
    },
    [
      'properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
    ],
  ],
  [
    {
      type: 'object',
      properties: {
        a: {
          type: 'array',
          items: { type: 'object', properties: { k: { type: 'string' } } },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
        },
      },
    },
    [
      'properties[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
    ],
  ],
  [
    { type: 'object', properties: { a: { type: 'string', uniqueItems: true, $ref: 'x' } } },
    [
      'properties[a].$ref: Forbidden: $ref is not supported',
      'properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    ],
  ],
  [
    { type: 'object', properties: { a: { type: 'string', pattern: '[' } } },
    ['properties[a].pattern: Invalid value: "[": must be a valid regular expression'],
  ],
];
it.each(schemas)('%j', (schema, expected) => {
  expect(ofSchema(schema).map((text, index) => text.slice(0, expected[index]?.length))).toEqual(expected);
});
