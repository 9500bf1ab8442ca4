import { expect, test } from 'vitest';
import { isOurs, programsOf, replacement } from './programs.ts';
import { agreeWithExisting, resolveOptions } from './spec.ts';

test('programs are named by absolute path, or nobody is', () => {
  const programs = programsOf(['kube-scheduler=none', 'kube-proxy=/bin/true', 'kube-proxy=/bin/sh']);
  expect(programs).toEqual({ 'kube-scheduler': 'none', 'kube-proxy': '/bin/sh' });
  expect(isOurs({ programs }, 'kube-controller-manager')).toBe(true);
  expect(isOurs({ programs }, 'kube-scheduler')).toBe(false);
  expect(replacement({ programs }, 'kube-scheduler')).toBeUndefined();
  expect(replacement({ programs }, 'kube-proxy')).toBe('/bin/sh');
});

test.each([
  ['kubelet=/bin/true', 'must be NAME=FILE with one of kube-apiserver, kube-controller-manager,'],
  ['kube-proxy', 'must be NAME=FILE'],
  ['kube-proxy=/nonexistent', 'must name a program: ENOENT'],
  ['kube-proxy=/usr', '/usr is no file'],
  ['kube-proxy=none', '--dataplane none'],
  ['kube-apiserver=none', 'a cluster has an API'],
])('%s is refused', (text, why) => {
  expect(() => programsOf([text])).toThrow(why);
});

test('a kube-apiserver keeps its objects in etcd', () => {
  const programs = ['kube-apiserver=/bin/true'];
  expect(resolveOptions({ programs }).store).toBe('etcd');
  expect(() => resolveOptions({ programs, store: 'level' })).toThrow('needs --store etcd, this is level');
  const existing = resolveOptions({});
  expect(() => agreeWithExisting(existing, { programs }, resolveOptions({ programs }))).toThrow(
    'this is level',
  );
});

test('a cluster that comes back keeps its programs until it is told others', () => {
  const existing = resolveOptions({ programs: ['kube-proxy=/bin/true'] });
  expect(agreeWithExisting(existing, {}, resolveOptions({})).programs).toEqual({ 'kube-proxy': '/bin/true' });
  const options = { programs: [] };
  expect(agreeWithExisting(existing, options, resolveOptions(options)).programs).toEqual({});
});
