import { expect, test } from 'vitest';
import { ingressOfOld, type OldIngress, oldIngress } from './ingress-v1beta1.ts';

const old: OldIngress = {
  apiVersion: 'extensions/v1beta1',
  kind: 'Ingress',
  metadata: { name: 'web' },
  spec: {
    backend: { serviceName: 'other', servicePort: 'http' },
    rules: [
      { host: 'a.example', http: { paths: [{ path: '/', backend: { serviceName: 'a', servicePort: 80 } }] } },
    ],
  },
};

test('backends name a Service and its port in another form', () => {
  const stored = ingressOfOld(old);
  expect(stored.spec).toEqual({
    defaultBackend: { service: { name: 'other', port: { name: 'http' } } },
    rules: [
      {
        host: 'a.example',
        http: {
          paths: [
            {
              path: '/',
              pathType: 'ImplementationSpecific',
              backend: { service: { name: 'a', port: { number: 80 } } },
            },
          ],
        },
      },
    ],
  });
  const shown = oldIngress('extensions/v1beta1')(stored) as OldIngress;
  expect(shown.apiVersion).toBe('extensions/v1beta1');
  expect(shown.spec?.backend).toEqual(old.spec?.backend);
  expect(shown.spec?.rules?.[0]?.http?.paths).toEqual([
    { path: '/', pathType: 'ImplementationSpecific', backend: { serviceName: 'a', servicePort: 80 } },
  ]);
});

test('a backend that is a resource has no Service', () => {
  const resource = { kind: 'Bucket', name: 'files' };
  const stored = ingressOfOld({ metadata: {}, spec: { backend: { resource } } });
  expect(stored.spec?.defaultBackend).toEqual({ resource });
});
