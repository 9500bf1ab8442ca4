import { describe, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import { allResources } from '../registry/kinds/rows.ts';
import { prefixOf, storageKey } from './keys.ts';

/** As kube-apiserver 1.33 has them. */
describe('keys', () => {
  it.each([
    [resources.pods, 'web', 'default', '/registry/pods/default/web'],
    [resources.nodes, 'worker', undefined, '/registry/minions/worker'],
    [resources.services, 'web', 'default', '/registry/services/specs/default/web'],
    [resources.endpoints, 'web', 'default', '/registry/services/endpoints/default/web'],
    [resources.endpointslices, 'web-x', 'default', '/registry/endpointslices/default/web-x'],
    [resources.events, 'e', 'default', '/registry/events/default/e'],
    [resources.leases, 'worker', 'kube-node-lease', '/registry/leases/kube-node-lease/worker'],
    [resources.clusterroles, 'admin', undefined, '/registry/clusterroles/admin'],
    [
      resources.customresourcedefinitions,
      'widgets.example.com',
      undefined,
      '/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.example.com',
    ],
  ])('%o', (resource, name, namespace, key) => {
    expect(storageKey(resource, name, namespace)).toBe(key);
  });

  it('have the group in front for custom resources', () => {
    const widgets = { ...resources.pods, group: 'example.com', name: 'widgets' };
    expect(storageKey(widgets, 'w', 'default')).toBe('/registry/example.com/widgets/default/w');
  });

  it('are of one kind each', () => {
    const prefixes = allResources.map((resource) => prefixOf(resource));
    expect(new Set(prefixes).size).toBe(prefixes.length);
  });
});
