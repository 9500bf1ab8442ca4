import { expect, test } from 'vitest';
import { definitionOfOld, type OldDefinition, oldDefinition } from './v1beta1.ts';

const old: OldDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1beta1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'foos.company.com' },
  spec: {
    group: 'company.com',
    version: 'v1',
    scope: '',
    names: { plural: 'foos', kind: 'Foo' },
    subresources: { status: {} },
    additionalPrinterColumns: [{ name: 'Size', type: 'integer', JSONPath: '.spec.size' }],
    validation: { openAPIV3Schema: { properties: { spec: { items: { type: 'number' } } } } },
  },
};

test('what an old definition says once is said in its version, and unknown fields are kept', () => {
  expect(definitionOfOld(old).spec).toEqual({
    group: 'company.com',
    scope: 'Namespaced',
    names: { plural: 'foos', kind: 'Foo' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            'x-kubernetes-preserve-unknown-fields': true,
            properties: { spec: { type: 'array', items: { type: 'number' } } },
          },
        },
      },
    ],
  });
});

test('one version is shown as old clients wrote it, several as a list', () => {
  const stored = definitionOfOld(old);
  expect(oldDefinition(stored)).toMatchObject({
    apiVersion: 'apiextensions.k8s.io/v1beta1',
    spec: {
      version: 'v1',
      subresources: { status: {} },
      additionalPrinterColumns: [{ JSONPath: '.spec.size' }],
    },
  });
  const [first] = stored.spec.versions;
  const several = {
    ...stored,
    spec: { ...stored.spec, versions: [first, { ...first, name: 'v2' }] as typeof stored.spec.versions },
  };
  const shown = oldDefinition(several) as OldDefinition;
  expect(shown.spec.versions?.map(({ name }) => name)).toEqual(['v1', 'v2']);
  expect(shown.spec.subresources).toBeUndefined();
});

test('webhooks that convert', () => {
  const webhookClientConfig = { url: 'https://example.com' };
  const spec = { ...old.spec, conversion: { strategy: 'Webhook', webhookClientConfig } };
  const { conversion } = definitionOfOld({ ...old, spec }).spec;
  expect(conversion).toEqual({
    strategy: 'Webhook',
    webhook: { clientConfig: webhookClientConfig, conversionReviewVersions: ['v1beta1'] },
  });
});
