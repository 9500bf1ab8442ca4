import { describe, expect, it } from 'vitest';
import { planText } from './container-plan.ts';
import { loadCatalogue, parseReference } from './images.ts';

describe('parseReference', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox'],
    ['busybox:1.36', 'docker.io/library/busybox'],
    ['curlimages/curl:8.1', 'docker.io/curlimages/curl'],
    ['localhost/x', 'localhost/x'],
    ['registry:5000/a/b:v1', 'registry:5000/a/b'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox'],
    [`registry.k8s.io/pause:3.10@sha256:${'a'.repeat(64)}`, 'registry.k8s.io/pause'],
  ])('reads %s as %s', (reference, repository) => {
    expect(parseReference(reference)?.repository).toBe(repository);
  });

  it.each(['', 'UPPER', 'a b', 'x:', '-x', 'x@sha256:1'])('refuses %j', (reference) => {
    expect(parseReference(reference)).toBeUndefined();
  });
});

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
