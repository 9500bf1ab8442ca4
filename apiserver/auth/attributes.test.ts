import { expect, test } from 'vitest';
import { attributesOf } from './attributes.ts';

const core = { group: '' };
const apps = { group: 'apps' };

// From upstream's `apiserver/pkg/endpoints/request/requestinfo_test.go`.
test.each([
  ['GET', '/api/v1/namespaces', { ...core, verb: 'list', resource: 'namespaces' }],
  [
    'GET',
    '/api/v1/namespaces/other',
    { ...core, verb: 'get', resource: 'namespaces', namespace: 'other', name: 'other' },
  ],
  [
    'PUT',
    '/api/v1/namespaces/other/finalize',
    {
      ...core,
      verb: 'update',
      resource: 'namespaces',
      subresource: 'finalize',
      namespace: 'other',
      name: 'other',
    },
  ],
  ['GET', '/api/v1/namespaces/other/pods', { ...core, verb: 'list', resource: 'pods', namespace: 'other' }],
  [
    'HEAD',
    '/api/v1/namespaces/other/pods/foo',
    { ...core, verb: 'get', resource: 'pods', namespace: 'other', name: 'foo' },
  ],
  ['GET', '/api/v1/pods?watch=true', { ...core, verb: 'watch', resource: 'pods' }],
  ['GET', '/api/v1/pods?watch=false', { ...core, verb: 'list', resource: 'pods' }],
  [
    'GET',
    '/api/v1/namespaces/other/pods?fieldSelector=metadata.name%3Dfoo&watch=1',
    { ...core, verb: 'watch', resource: 'pods', namespace: 'other', name: 'foo' },
  ],
  [
    'GET',
    '/api/v1/namespaces/other/pods?fieldSelector=metadata.name!%3Dfoo',
    { ...core, verb: 'list', resource: 'pods', namespace: 'other' },
  ],
  [
    'POST',
    '/api/v1/namespaces/other/pods/foo/exec?command=ls',
    { ...core, verb: 'create', resource: 'pods', subresource: 'exec', namespace: 'other', name: 'foo' },
  ],
  [
    'GET',
    '/api/v1/nodes/worker/proxy/pods?watch=1',
    { ...core, verb: 'get', resource: 'nodes', subresource: 'proxy', name: 'worker' },
  ],
  [
    'DELETE',
    '/apis/apps/v1/namespaces/other/deployments',
    { ...apps, verb: 'deletecollection', resource: 'deployments', namespace: 'other' },
  ],
  [
    'DELETE',
    '/apis/apps/v1/namespaces/other/deployments/foo',
    { ...apps, verb: 'delete', resource: 'deployments', namespace: 'other', name: 'foo' },
  ],
  [
    'PATCH',
    '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode',
    { group: 'rbac.authorization.k8s.io', verb: 'patch', resource: 'clusterroles', name: 'system:node' },
  ],
  ['POST', '/apis/nobody/v1/knows', { group: 'nobody', verb: 'create', resource: 'knows' }],
  ['GET', '/apis/apps/v1', { verb: 'get', path: '/apis/apps/v1' }],
  ['GET', '/api/v1', { verb: 'get', path: '/api/v1' }],
  ['GET', '/healthz/ping?verbose', { verb: 'get', path: '/healthz/ping' }],
  ['POST', '/', { verb: 'post', path: '/' }],
])('%s %s', (method, url, attributes) => {
  expect(attributesOf(method, url)).toEqual(attributes);
});
