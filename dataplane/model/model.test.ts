import { expect, test } from 'vitest';
import { service, slice } from '../testing/objects.ts';
import { createModel, type Model } from './model.ts';

const spec = { clusterIP: '10.96.0.10', ports: [{ name: 'p80', port: 80 }] };
const row = (model: Model, key = 'ns/web:p80/TCP') => model.rows().get(key);
const texts = (model: Model, key?: string) => row(model, key)?.endpoints.map(({ text }) => text);

function webModel(): Model {
  const model = createModel('IPv4', 'worker');
  model.setService('ns/web', service('ns/web', spec));
  model.setSlice('ns/web-a', slice('ns/web', ['10.0.0.10', '10.0.0.9']));
  return model;
}

test('endpoints stand in the order of their text', () => {
  expect(texts(webModel())).toEqual(['10.0.0.10:80', '10.0.0.9:80']);
});

test('slices of one Service are merged, and an endpoint that stands in two counts once', () => {
  const model = webModel();
  model.setSlice(
    'ns/web-b',
    slice('ns/web', [{ ip: '10.0.0.9', node: 'worker' }, '10.0.0.11'], { suffix: 'b' }),
  );
  expect(texts(model)).toEqual(['10.0.0.10:80', '10.0.0.11:80', '10.0.0.9:80']);
  expect(row(model)?.endpoints[2]?.isLocal).toBe(true);
  model.setSlice('ns/web-a', undefined);
  expect(texts(model)).toEqual(['10.0.0.11:80', '10.0.0.9:80']);
});

test('slices may come before their Service, and change theirs', () => {
  const model = createModel('IPv4', 'worker');
  model.setSlice('ns/x', slice('ns/web', ['10.0.0.1']));
  expect(model.rows().size).toBe(0);
  model.setService('ns/web', service('ns/web', spec));
  expect(texts(model)).toEqual(['10.0.0.1:80']);
  model.setService('ns/other', service('ns/other', { ...spec, clusterIP: '10.96.0.11' }));
  model.setSlice('ns/x', slice('ns/other', ['10.0.0.1']));
  expect(texts(model)).toEqual([]);
  expect(texts(model, 'ns/other:p80/TCP')).toEqual(['10.0.0.1:80']);
});

test('a row stays the same object until something in it changes', () => {
  const model = webModel();
  const before = row(model);
  model.setService('ns/web', service('ns/web', spec, { labels: { touched: 'yes' } }));
  model.setSlice('ns/web-a', slice('ns/web', ['10.0.0.9', '10.0.0.10']));
  expect(row(model)).toBe(before);
  model.setSlice('ns/web-a', slice('ns/web', ['10.0.0.9']));
  expect(row(model)).not.toBe(before);
});

test('renamed and renumbered ports leave nothing behind', () => {
  const model = webModel();
  model.setService('ns/web', service('ns/web', { ...spec, ports: [{ name: 'http', port: 8080 }] }));
  expect([...model.rows().keys()]).toEqual(['ns/web:http/TCP']);
  expect(texts(model, 'ns/web:http/TCP')).toEqual([]);
  model.setSlice('ns/web-a', slice('ns/web', ['10.0.0.9'], { portName: 'http', port: 9376 }));
  expect(texts(model, 'ns/web:http/TCP')).toEqual(['10.0.0.9:9376']);
});

test('one port number over TCP and UDP is two rows', () => {
  const model = createModel('IPv4', 'worker');
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns', port: 53, protocol: 'TCP' },
  ];
  model.setService('kube-system/kube-dns', service('kube-system/kube-dns', { ...spec, ports }));
  expect([...model.rows().keys()].sort()).toEqual([
    'kube-system/kube-dns:dns/TCP',
    'kube-system/kube-dns:dns/UDP',
  ]);
});

test('changes are the rows as they were at the last look, each once', () => {
  const model = webModel();
  const first = row(model);
  expect([...model.changes()]).toEqual([['ns/web:p80/TCP', undefined]]);
  expect(model.changes().size).toBe(0);
  model.setSlice('ns/web-a', slice('ns/web', ['10.0.0.9']));
  model.rows();
  model.setSlice('ns/web-a', slice('ns/web', ['10.0.0.8']));
  model.setService('ns/app', service('ns/app', { ...spec, clusterIP: '10.96.0.2' }));
  expect([...model.changes()]).toEqual([
    ['ns/web:p80/TCP', first],
    ['ns/app:p80/TCP', undefined],
  ]);
  const second = row(model);
  model.setService('ns/web', undefined);
  expect([...model.changes()]).toEqual([['ns/web:p80/TCP', second]]);
});

test.each([
  ['headless', { ...spec, clusterIP: 'None' }, {}],
  ['without an address', { ports: spec.ports }, {}],
  ['ExternalName', { ...spec, type: 'ExternalName', externalName: 'example.com' }, {}],
  ['given to another proxy', spec, { 'service.kubernetes.io/service-proxy-name': 'other' }],
  ['labelled headless', spec, { 'service.kubernetes.io/headless': '' }],
  ['of the other family only', { ...spec, clusterIP: 'fd00::1', clusterIPs: ['fd00::1'] }, {}],
])('a Service %s has no rows', (_, wanted, labels) => {
  const model = createModel('IPv4', 'worker');
  model.setService('ns/web', service('ns/web', wanted, { labels }));
  expect(model.rows().size).toBe(0);
});

test('each family takes its own addresses of a dual-stack Service', () => {
  const dual = service(
    'ns/web',
    {
      ...spec,
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.10', 'FD00::0:10'],
      externalIPs: ['192.0.2.1', '2001:db8::1'],
      loadBalancerSourceRanges: ['10.0.0.0/8', 'fd00::/8'],
    },
    { loadBalancer: ['192.0.2.2', '2001:db8::2'] },
  );
  const ports = (['IPv4', 'IPv6'] as const).map((family) => {
    const model = createModel(family, 'worker');
    model.setService('ns/web', dual);
    const port = row(model)?.port;
    return [
      port?.clusterIP,
      port?.externalIPs,
      port?.loadBalancerVIPs,
      port?.loadBalancerSourceRanges.map(({ text }) => text),
    ];
  });
  expect(ports).toEqual([
    ['10.96.0.10', ['192.0.2.1'], ['192.0.2.2'], ['10.0.0.0/8']],
    ['fd00::10', ['2001:db8::1'], ['2001:db8::2'], ['fd00::/8']],
  ]);
});

test('fields that the API would default are as it defaults them', () => {
  const model = createModel('IPv4', 'worker');
  model.setService('default/web', {
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { clusterIP: '10.96.0.10', sessionAffinity: 'ClientIP', ports: [{ port: 80 }] },
  });
  model.setSlice('default/web-a', {
    addressType: 'IPv4',
    metadata: { name: 'web-a', labels: { 'kubernetes.io/service-name': 'web' } },
    ports: [{ port: 9376 }],
    endpoints: [{ addresses: ['10.0.0.1'] }],
  });
  const found = row(model, 'default/web/TCP');
  expect(found?.port).toMatchObject({ name: 'default/web', protocol: 'TCP', affinitySeconds: 10_800 });
  expect(found?.endpoints).toMatchObject([
    { text: '10.0.0.1:9376', ready: true, serving: true, terminating: false },
  ]);
});

test('a source range that lets everybody in is none', () => {
  const model = createModel('IPv4', 'worker');
  const ranges = { ...spec, type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8', '0.0.0.0/0'] };
  model.setService('ns/web', service('ns/web', ranges));
  expect(row(model)?.port.loadBalancerSourceRanges).toEqual([]);
});

test.each([
  ['ClusterIP', 0],
  ['NodePort', 0],
  ['LoadBalancer', 30_100],
])('a health check node port of type %s is %i', (type, expected) => {
  const model = createModel('IPv4', 'worker');
  model.setService(
    'ns/web',
    service('ns/web', { ...spec, type, externalTrafficPolicy: 'Local', healthCheckNodePort: 30_100 }),
  );
  expect(row(model)?.port.healthCheckNodePort).toBe(expected);
});

test('of two endpoints on one address the one that does not terminate wins, in whatever order they come', () => {
  const gone = { ip: '10.0.0.9', node: 'worker', ready: false, serving: true, terminating: true };
  const fresh = { ip: '10.0.0.9', node: 'other' };
  for (const [a, b] of [
    [gone, fresh],
    [fresh, gone],
  ] as const) {
    const model = createModel('IPv4', 'worker');
    model.setService('ns/web', service('ns/web', spec));
    model.setSlice('ns/web-a', slice('ns/web', [a]));
    model.setSlice('ns/web-b', slice('ns/web', [b], { suffix: 'b' }));
    expect(row(model)?.endpoints).toMatchObject([{ text: '10.0.0.9:80', ready: true, isLocal: false }]);
  }
});

test('what no rule could name is left out: other families, names, nothing, port 0', () => {
  const model = webModel();
  model.setSlice('ns/web-a', slice('ns/web', ['fd00::9', 'web.example.com', '', '10.0.0.300', '10.0.0.9']));
  expect(texts(model)).toEqual(['10.0.0.9:80']);
  model.setSlice('ns/web-a', slice('ns/web', ['10.0.0.9'], { port: 0 }));
  expect(texts(model)).toEqual([]);
  model.setSlice('ns/web-a', slice('ns/web', ['10.0.0.9'], { addressType: 'FQDN' }));
  expect(texts(model)).toEqual([]);
  const { metadata, ...nameless } = slice('ns/web', ['10.0.0.9']);
  model.setSlice('ns/web-a', { ...nameless, metadata: { ...metadata, labels: {} } });
  expect(texts(model)).toEqual([]);
});

test('addresses with leading zeros are decimal, as the API reads those of old objects', () => {
  const model = createModel('IPv4', 'worker');
  const old = {
    ...spec,
    clusterIP: '010.096.0.010',
    externalIPs: ['192.000.2.1', '192.0.2', 'fd00::1'],
    loadBalancerSourceRanges: ['203.0.113.000/025', '203.0.113.1', '10.0.0.0/33'],
  };
  model.setService('ns/web', service('ns/web', old, { loadBalancer: ['', '203.000.113.1'] }));
  model.setSlice('ns/web-a', slice('ns/web', ['010.0.0.9']));
  expect(texts(model)).toEqual(['10.0.0.9:80']);
  expect(row(model)?.port).toMatchObject({
    clusterIP: '10.96.0.10',
    externalIPs: ['192.0.2.1'],
    loadBalancerVIPs: ['203.0.113.1'],
    loadBalancerSourceRanges: [{ text: '203.0.113.0/25' }],
  });
});

test.each([
  ['ClusterIP', [], false],
  ['ClusterIP', ['192.0.2.1'], true],
  ['NodePort', [], true],
  ['LoadBalancer', [], true],
])(
  'externalTrafficPolicy Local on type %s with external addresses %j counts: %s',
  (type, externalIPs, local) => {
    const model = createModel('IPv4', 'worker');
    model.setService(
      'ns/web',
      service('ns/web', { ...spec, type, externalIPs, externalTrafficPolicy: 'Local' }),
    );
    expect(row(model)?.port.externalPolicyLocal).toBe(local);
  },
);

test('an address type is told by its own word, and nothing else', () => {
  const model = createModel('IPv6', 'worker');
  model.setService('ns/web', service('ns/web', { ...spec, clusterIPs: ['fd00::10'], clusterIP: 'fd00::10' }));
  model.setSlice('ns/web-a', slice('ns/web', ['10.0.0.9']));
  model.setSlice('ns/web-b', slice('ns/web', ['fd00:1::9', '10.0.0.9'], { addressType: 'IPv6' }));
  expect(texts(model)).toEqual(['[fd00:1::9]:80']);
});

test('of an endpoint that two slices tell differently of, it does not matter which slice came first', () => {
  const told = (suffixes: string[]) => {
    const model = createModel('IPv4', 'worker');
    model.setService(
      'ns/web',
      service('ns/web', { clusterIP: '10.96.0.1', ports: [{ name: 'p80', port: 80 }] }),
    );
    for (const suffix of suffixes) {
      const endpoint = { ip: '10.244.1.5', ready: suffix === 'a' };
      model.setSlice(`ns/web-${suffix}`, slice('ns/web', [endpoint], { suffix }));
    }
    return [...model.rows().values()].map(({ endpoints }) => endpoints);
  };
  expect(told(['a', 'b'])).toEqual(told(['b', 'a']));
});
