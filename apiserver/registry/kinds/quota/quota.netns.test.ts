import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { isMeant, podTotal } from '../../../../api/quota.ts';
import { resources } from '../../../../api/scheme.ts';
import type { LimitRangeItem, PodSpec, ResourceQuotaSpec, ServiceSpec } from '../../../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../../../testing/apiserver.ts';

let server: TestApiserver;
let namespace = '';
let count = 0;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});
beforeEach(async () => {
  namespace = `quota-${count++}`;
  await server.client.create(resources.namespaces, { metadata: { name: namespace } });
});

const limit = (spec: ResourceQuotaSpec) =>
  server.client.create(resources.resourcequotas, { metadata: { name: 'q', namespace }, spec });
const service = (name: string, spec: ServiceSpec) =>
  server.client.create(resources.services, {
    metadata: { name, namespace },
    spec: { ports: [{ port: 80 }], ...spec },
  });
const claim = (name: string, storage: string) =>
  server.client.create(resources.persistentvolumeclaims, {
    metadata: { name, namespace },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
  });
const pod = (name: string, spec: Partial<PodSpec> = {}) =>
  server.client.create(resources.pods, {
    metadata: { name, namespace },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  });

describe('a ResourceQuota', () => {
  it('shows what new objects use at once, where a controller has taken up its limits', async () => {
    const hard = { pods: '3', 'count/configmaps': '9' };
    await limit({ hard });
    const used = async () =>
      (await server.client.get(resources.resourcequotas, { name: 'q', namespace })).status?.used;
    await pod('early');
    expect(await used()).toBeUndefined();
    await server.client.patch(
      resources.resourcequotas,
      { name: 'q', namespace, subresource: 'status' },
      'merge',
      {
        status: { hard, used: { pods: '1', 'count/configmaps': '1' } },
      },
    );
    await Promise.all([pod('one'), pod('two')]);
    expect(await used()).toEqual({ pods: '3', 'count/configmaps': '1' });
  });

  it('counts what a Service becomes, and lets those be that stay what they are', async () => {
    await limit({ hard: { services: '2', 'services.nodeports': '2', 'services.loadbalancers': '1' } });
    await service('a', {});
    await service('b', { type: 'NodePort' });
    const change = (name: string, type: string, ports = [{ port: 80 }]) =>
      server.client.patch(resources.services, { name, namespace }, 'merge', { spec: { type, ports } });
    await change('a', 'LoadBalancer');
    await expect(change('b', 'LoadBalancer')).rejects.toThrow(
      'services "b" is forbidden: exceeded quota: q, requested: services.loadbalancers=1, used: services.loadbalancers=1, limited: services.loadbalancers=1',
    );
    await server.client.patch(resources.services, { name: 'b', namespace }, 'merge', {
      metadata: { labels: { a: 'b' } },
    });
    await change('b', 'ClusterIP');
    await change('a', 'NodePort');
    await change('b', 'NodePort');
    await expect(service('c', {})).rejects.toThrow(
      'requested: services=1, used: services=2, limited: services=2',
    );
  });

  it('counts what claims ask for, and objects of any kind', async () => {
    await limit({
      hard: { 'requests.storage': '3Gi', 'count/deployments.apps': '1', 'count/configmaps': '1' },
    });
    await claim('a', '1Gi');
    await expect(claim('b', '3Gi')).rejects.toThrow(
      'persistentvolumeclaims "b" is forbidden: exceeded quota: q, requested: requests.storage=3Gi, used: requests.storage=1Gi, limited: requests.storage=3Gi',
    );
    const deployment = (name: string) =>
      server.client.create(resources.deployments, {
        metadata: { name, namespace },
        spec: {
          selector: { matchLabels: { a: 'b' } },
          template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
        },
      });
    await deployment('a');
    await expect(deployment('b')).rejects.toThrow(
      'deployments.apps "b" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1',
    );
  });

  it('counts objects of custom kinds', async () => {
    const { client } = server;
    await client.create(resources.customresourcedefinitions, {
      metadata: { name: 'gems.example.com' },
      spec: {
        group: 'example.com',
        names: { plural: 'gems', kind: 'Gem' },
        scope: 'Namespaced',
        versions: [
          {
            ...{ name: 'v1', served: true, storage: true },
            schema: { openAPIV3Schema: { type: 'object' } },
          },
        ],
      },
    });
    await limit({ hard: { 'count/gems.example.com': '1' } });
    const gem = (name: string) =>
      client.request('POST', `/apis/example.com/v1/namespaces/${namespace}/gems`, {
        ...{ apiVersion: 'example.com/v1', kind: 'Gem', metadata: { name } },
      });
    await gem('a');
    await expect(gem('b')).rejects.toThrow(
      'gems.example.com "b" is forbidden: exceeded quota: q, requested: count/gems.example.com=1, used: count/gems.example.com=1, limited: count/gems.example.com=1',
    );
  });

  it('looks at the pods of its scopes alone', async () => {
    await limit({ hard: { pods: '1' }, scopes: ['BestEffort'] });
    const requests = { resources: { requests: { cpu: '1' } } };
    await pod('a');
    await pod('b', { containers: [{ name: 'c', image: 'i', ...requests }] });
    await expect(pod('c')).rejects.toThrow(
      'exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    );
  });
});

// From upstream's `pkg/quota/v1/evaluator/core/pods_test.go`.
test('a pod takes what runs at once at most', () => {
  const container = (cpu: string, more = {}) => ({ name: cpu, resources: { requests: { cpu } }, ...more });
  const sidecar = { restartPolicy: 'Always' };
  const cases: [PodSpec, number][] = [
    [{ containers: [container('1'), container('2')] }, 3],
    [{ containers: [container('1')], initContainers: [container('4'), container('3')] }, 4],
    [{ containers: [container('1')], initContainers: [container('2', sidecar)] }, 3],
    [{ containers: [container('1')], initContainers: [container('2', sidecar), container('5')] }, 7],
    [{ containers: [container('1')], initContainers: [container('5'), container('2', sidecar)] }, 5],
    [{ containers: [container('1')], overhead: { cpu: '500m' } }, 1.5],
  ];
  for (const [spec, cpu] of cases) expect(podTotal(spec, 'requests')).toEqual({ cpu });
  expect(podTotal({ containers: [], overhead: { cpu: '1' } }, 'limits')).toEqual({});
});

test('a scope is about pods that look at other namespaces', () => {
  const quota = { spec: { scopes: ['CrossNamespacePodAffinity'] } };
  const affinity = (term: object) => ({
    podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'a', ...term }] },
  });
  const meant = (term: object) =>
    isMeant(quota, resources.pods, { spec: { containers: [], affinity: affinity(term) } } as object);
  expect([meant({}), meant({ namespaces: ['x'] }), meant({ namespaceSelector: {} })]).toEqual([
    false,
    true,
    true,
  ]);
});

describe('a LimitRange', () => {
  const range = (item: LimitRangeItem) =>
    server.client.create(resources.limitranges, {
      metadata: { name: 'l', namespace },
      spec: { limits: [item] },
    });

  it('keeps claims within what they may ask for, also when they grow', async () => {
    await range({ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } });
    await expect(claim('a', '500Mi')).rejects.toThrow(
      'persistentvolumeclaims "a" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi',
    );
    await expect(claim('a', '3Gi')).rejects.toThrow(
      'maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
    );
    await claim('a', '2Gi');
  });

  it('keeps limits near requests', async () => {
    await range({ type: 'Container', maxLimitRequestRatio: { cpu: '2' } });
    const asks = (name: string, own: object) =>
      pod(name, { containers: [{ name: 'c', image: 'i', resources: own }] });
    await expect(asks('a', { requests: { cpu: '1' } })).rejects.toThrow(
      'pods "a" is forbidden: cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0',
    );
    await expect(asks('a', {})).rejects.toThrow(
      'cpu max limit to request ratio per Container is 2, but no request is specified or request is 0',
    );
    await expect(asks('a', { requests: { cpu: '1' }, limits: { cpu: '3' } })).rejects.toThrow(
      'cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
    );
    await asks('a', { requests: { cpu: '1' }, limits: { cpu: '2' } });
  });
});
