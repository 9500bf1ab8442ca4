import { describe, expect, it } from 'vitest';
import { staticPod } from './static-pods.ts';

const place = { nodeName: 'worker', file: '/m/web.yaml', text: 'one' };
const manifest = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', annotations: { a: 'b' } },
  spec: { containers: [{ name: 'web', image: 'nginx' }] },
};

describe('staticPod', () => {
  it('belongs to its node and is another when its manifest is', () => {
    const pod = staticPod(manifest, place);
    const { uid, ...metadata } = pod.metadata ?? {};
    expect(uid).toMatch(/^[0-9a-f]{32}$/);
    expect(metadata).toEqual({
      name: 'web-worker',
      namespace: 'default',
      annotations: { a: 'b', 'kubernetes.io/config.hash': uid, 'kubernetes.io/config.source': 'file' },
    });
    expect(pod.spec).toMatchObject({
      nodeName: 'worker',
      containers: manifest.spec.containers,
      tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
    });
    expect(staticPod(manifest, place).metadata?.uid).toBe(uid);
    expect(staticPod(manifest, { ...place, text: 'two' }).metadata?.uid).not.toBe(uid);
  });

  it('is refused when it is no Pod or needs the API', () => {
    for (const wrong of [undefined, 'text', [], { ...manifest, kind: 'Service' }, { ...manifest, spec: {} }])
      expect(() => staticPod(wrong, place)).toThrow(
        '/m/web.yaml: want an object of kind Pod with metadata.name and spec.containers',
      );
    const spec = { ...manifest.spec, serviceAccountName: 'x' };
    expect(() => staticPod({ ...manifest, spec }, place)).toThrow(/may not reference a service account/);
  });
});
