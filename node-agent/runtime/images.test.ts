import { existsSync, statSync } from 'node:fs';
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
    ['perl:5.34.0', 'perl'],
    ['k8s.gcr.io/liveness', 'liveness'],
    ['coredns/coredns:1.3.1', 'coredns'],
    ['k8s.gcr.io/e2e-test-images/agnhost:2.21', 'agnhost'],
    ['registry.k8s.io/e2e-test-images/jessie-dnsutils:1.3', 'busybox'],
    ['nicolaka/netshoot', 'busybox'],
    ['katacoda/docker-http-server:latest', 'docker-http-server'],
    ['python:2.7', 'python'],
  ])('have %s', (reference, name) => {
    expect(catalogue.find(reference)?.name).toBe(name);
  });

  it('are listed as people write them', () => {
    expect(catalogue.find('nosuch')).toBeUndefined();
    expect(catalogue.names()).toContain('busybox');
    expect(catalogue.names()).toContain('curlimages/curl');
  });

  it('answer to a name each, and have the program that they start', () => {
    const names = catalogue.names();
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    for (const name of names) {
      const image = catalogue.find(name) ?? catalogue.find(`${name}:2.7`);
      const [program = ''] = image?.entrypoint ?? [];
      const own = image?.binds.find(({ target }) => target === program);
      for (const { source } of image?.binds ?? []) expect(existsSync(source) || source).toBe(true);
      expect(own ? statSync(own.source).mode & 0o111 : 0o111, `${name}: ${program}`).toBe(0o111);
    }
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
