import { expect, test } from 'vitest';
import { resources } from '../../../../api/scheme.ts';
import type { Ingress } from '../../../../api/types.ts';
import { startTestApiserver } from '../../../testing/apiserver.ts';

test('an Ingress that names no class gets the newest of the default ones', async () => {
  const server = await startTestApiserver();
  const { client } = server;
  const ingress = (name: string, more: object = {}): Ingress => ({
    metadata: { name, namespace: 'default', ...more },
    spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
  });
  try {
    const made = async (name: string, more?: object) =>
      (await client.create<Ingress>(resources.ingresses, ingress(name, more))).spec?.ingressClassName;
    expect(await made('none')).toBeUndefined();
    const spec = { controller: 'example.com/web' };
    await client.create(resources.ingressclasses, { metadata: { name: 'other' }, spec });
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
    await client.create(resources.ingressclasses, { metadata: { name: 'web', annotations }, spec });
    expect(await made('some')).toBe('web');
    expect(await made('old', { annotations: { 'kubernetes.io/ingress.class': 'nginx' } })).toBeUndefined();
    expect(server.failures).toEqual([]);
  } finally {
    await server.stop();
  }
});
