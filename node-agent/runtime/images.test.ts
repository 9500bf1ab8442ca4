import { describe, expect, it } from 'vitest';
import { planText } from './container-plan.ts';
import { loadCatalogue } from './images.ts';

describe('the built-in images', () => {
  const catalogue = loadCatalogue();

  it.each([
    ['k8s.gcr.io/serve_hostname', 'serve_hostname'],
    ['registry.k8s.io/serve_hostname:1.4', 'serve_hostname'],
    ['registry.k8s.io/pause:3.10', 'pause'],
    ['docker.io/library/busybox:1.28', 'busybox'],
    ['registry.k8s.io/coredns/coredns:v1.12.0', 'coredns'],
    ['curlimages/curl', 'curl'],
    ['nginx:1.15', 'nginx'],
  ])('have %s', (reference, name) => {
    expect(catalogue.find(reference)?.name).toBe(name);
  });

  it('are listed as people write them', () => {
    expect(catalogue.find('nosuch')).toBeUndefined();
    expect(catalogue.names()).toContain('busybox');
    expect(catalogue.names()).toContain('curlimages/curl');
  });

  it('bring their files', () => {
    expect(catalogue.find('k8s.gcr.io/serve_hostname')?.binds).toMatchObject([
      { target: '/serve_hostname', readOnly: true },
    ]);
  });
});

describe('planText', () => {
  it('keeps tabs, line feeds and per cent signs inside their argument', () => {
    expect(
      planText([
        ['env', 'A', 'x\ty\n100%'],
        ['exec', 'a'],
      ]),
    ).toBe('env\tA\tx%09y%0A100%25\nexec\ta\n');
  });
});
