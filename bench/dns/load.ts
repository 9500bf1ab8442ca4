import type { KubeObject } from '../../api/object.ts';

/** What is asked: the queries, as dnsperf reads them, the only rcodes that are right, and options of dnsperf. */
export interface Load {
  queries: string[];
  rcodes: string[];
  how?: string[];
}

const many = 'many.default.svc.cluster.local';

/** By row of the table. */
export const loads: Record<string, Load> = {
  'A of a ClusterIP': { queries: numbered(1_000, addressOf), rcodes: ['NOERROR'] },
  'SRV of a headless Service': { queries: numbered(100, srvOf), rcodes: ['NOERROR'] },
  NXDOMAIN: { queries: numbered(1_000, nothingOf), rcodes: ['NXDOMAIN'] },
  'mix, a third each': {
    queries: numbered(1_000, (i) => [addressOf(i), srvOf(i % 100), nothingOf(i)].join('\n')),
    rcodes: ['NOERROR', 'NXDOMAIN'],
  },
  'PTR of a ClusterIP': { queries: numbered(1_000, pointerOf), rcodes: ['NOERROR'] },
  'A, 1,000 endpoints, EDNS': { queries: [`${many} A`], rcodes: ['NOERROR'], how: ['-e'] },
  'SRV, 1,000 endpoints, EDNS': { queries: [`_http._tcp.${many} SRV`], rcodes: ['NOERROR'], how: ['-e'] },
  'A, 1,000 endpoints, TCP': { queries: [`${many} A`], rcodes: ['NOERROR'], how: ['-m', 'tcp'] },
};

const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];

/** A ClusterIP Service, or with `None` a headless one. */
export function service(name: string, clusterIP: string) {
  const spec = { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec };
}

/** 1,000 ClusterIP Services, 100 headless ones of three endpoints, and one of a thousand. */
export function objects(): KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } },
    ...numbered(1_000, (i) => service(`svc-${i}`, `10.100.${i >> 8}.${i & 255}`)),
    ...numbered(100, (i) => service(`headless-${i}`, 'None')),
    ...numbered(100, (i) =>
      slice(
        `headless-${i}`,
        `headless-${i}`,
        [1, 2, 3].map((host) => `10.244.${i}.${host}`),
      ),
    ),
    service('many', 'None'),
    ...numbered(10, (i) =>
      slice(
        `many-${i}`,
        'many',
        numbered(100, (host) => `10.245.${i}.${host + 1}`),
      ),
    ),
  ];
}

function slice(name: string, service: string, addresses: string[]) {
  const labels = { 'kubernetes.io/service-name': service };
  const endpoints = addresses.map((address) => ({ addresses: [address], conditions: { ready: true } }));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels },
    addressType: 'IPv4',
    ports,
    endpoints,
  };
}

function addressOf(i: number): string {
  return `svc-${i}.default.svc.cluster.local A`;
}

function srvOf(i: number): string {
  return `_http._tcp.headless-${i}.default.svc.cluster.local SRV`;
}

function nothingOf(i: number): string {
  return `nothing-${i}.default.svc.cluster.local A`;
}

function pointerOf(i: number): string {
  return `${i & 255}.${i >> 8}.100.10.in-addr.arpa PTR`;
}

function numbered<T>(count: number, one: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => one(i));
}
