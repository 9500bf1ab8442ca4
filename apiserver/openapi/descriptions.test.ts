import { expect, test } from 'vitest';
import { loadDescriptions } from './descriptions.ts';
import { createOpenApi } from './openapi.ts';

type Schemas = Record<string, { description?: string; properties: Record<string, { description?: string }> }>;

test('kinds, lists and their fields say what they are, in both versions of OpenAPI', async () => {
  const openApi = createOpenApi('v1.33.0', undefined, undefined, await loadDescriptions());
  const { components } = JSON.parse(openApi.groupVersion('api/v1')?.text ?? '') as {
    components: { schemas: Schemas };
  };
  const { definitions } = JSON.parse(openApi.v2().text) as { definitions: Schemas };
  for (const schemas of [components.schemas, definitions]) {
    const { Pod, ServiceList, ServiceSpec } = Object.fromEntries(
      Object.entries(schemas).map(([name, schema]) => [name.replace('io.k8s.api.core.v1.', ''), schema]),
    );
    expect(Pod?.description).toMatch(/^Pod is a collection of containers/);
    expect(Pod?.properties.kind?.description).toMatch(/^Kind is a string value/);
    expect(Pod?.properties.spec?.description).toBe('PodSpec is a description of a pod.');
    expect(ServiceSpec?.properties.externalName?.description).toContain(
      'requires `type` to be "ExternalName"',
    );
    expect(ServiceList?.properties.items?.description).toBe('List of services');
  }
});
