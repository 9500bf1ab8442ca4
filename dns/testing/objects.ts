import type { KubeObject } from '../../api/object.ts';
import type { EndpointSlice, Namespace, Pod, Service } from '../../api/types.ts';

/** Short ways to write the objects that DNS is made of. */

export function namespace(name: string): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

interface Ports {
  [name: string]: number;
}

/** `service('testns/svc1', ['10.0.0.1'], { http: 80 })`; `['None']` is headless. */
export function service(
  key: string,
  clusterIPs: string[],
  ports: Ports = {},
  spec: Service['spec'] = {},
): Service {
  const [namespace = '', name = ''] = key.split('/');
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: {
      type: 'ClusterIP',
      ...(clusterIPs.length > 0 ? { clusterIP: clusterIPs[0] ?? '', clusterIPs } : {}),
      ports: Object.entries(ports).map(([name, port]) => ({ name, port, protocol: 'TCP' })),
      ...spec,
    },
  };
}

export function externalName(key: string, target: string): Service {
  return service(key, [], { http: 80 }, { type: 'ExternalName', externalName: target });
}

/** An endpoint: an address, or one with a hostname, a pod's name or conditions. */
export type EndpointLike = string | NonNullable<EndpointSlice['endpoints']>[number];

export function slice(
  name: string,
  serviceKey: string,
  endpoints: EndpointLike[],
  ports: Ports = {},
): EndpointSlice {
  const [namespace = '', serviceName = ''] = serviceKey.split('/');
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': serviceName } },
    endpoints: endpoints.map((endpoint) =>
      typeof endpoint === 'string' ? { addresses: [endpoint] } : endpoint,
    ),
    ports: Object.entries(ports).map(([name, port]) => ({ name, port, protocol: 'TCP' })),
  };
}

export function pod(key: string, ip: string, phase = 'Running'): Pod {
  const [namespace = '', name = ''] = key.split('/');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    status: { phase, podIP: ip, podIPs: [{ ip }] },
  };
}

/** The cluster of upstream's plugin/kubernetes/handler_test.go. */
export const upstreamCluster: KubeObject[] = [
  ...['kube-system', 'testns', 'unexposedns', 'podns', 'svcns'].map(namespace),
  service('kube-system/kubedns', ['10.0.0.10'], { dns: 53 }),
  slice('kubedns-1', 'kube-system/kubedns', ['172.0.0.100'], { dns: 53 }),
  service('testns/svc1', ['10.0.0.1'], { http: 80 }),
  slice('svc1-slice1', 'testns/svc1', [{ addresses: ['172.0.0.1'], hostname: 'ep1a' }], { http: 80 }),
  service('testns/svcempty', ['10.0.0.1'], { http: 80 }),
  slice('svcempty-slice1', 'testns/svcempty', [], { http: 80 }),
  service('testns/svc6', ['1234:abcd::1'], { http: 80 }),
  service('testns/hdls1', ['None']),
  slice(
    'hdls1-slice1',
    'testns/hdls1',
    [
      '172.0.0.2',
      '172.0.0.3',
      { addresses: ['172.0.0.4'], hostname: 'dup-name' },
      { addresses: ['172.0.0.5'], hostname: 'dup-name' },
      '5678:abcd::1',
      '5678:abcd::2',
    ],
    { http: 80 },
  ),
  externalName('testns/external', 'ext.interwebs.test'),
  externalName('testns/external-to-service', 'svc1.testns.svc.cluster.local.'),
  service('testns/hdlsprtls', ['None']),
  slice('hdlsprtls-slice1', 'testns/hdlsprtls', ['172.0.0.20']),
  service('unexposedns/svc1', ['10.0.0.2'], { http: 80 }),
  service('testns/svc-dual-stack', ['10.0.0.3', '10::3'], { http: 80 }),
  pod('podns/foo', '10.240.0.1'),
];
