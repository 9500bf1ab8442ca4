import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../../api/object.ts';

/** What is asked: for each row of the table the queries, as dnsperf reads them, and the only rcodes that are right. */
export const loads: Record<string, { queries: string[]; rcodes: string[] }> = {
  'A of a ClusterIP': { queries: numbered(1_000, addressOf), rcodes: ['NOERROR'] },
  'SRV of a headless Service': { queries: numbered(100, srvOf), rcodes: ['NOERROR'] },
  NXDOMAIN: { queries: numbered(1_000, nothingOf), rcodes: ['NXDOMAIN'] },
  'mix, a third each': {
    queries: numbered(1_000, (i) => [addressOf(i), srvOf(i % 100), nothingOf(i)].join('\n')),
    rcodes: ['NOERROR', 'NXDOMAIN'],
  },
};

/** 1,000 ClusterIP Services, and 100 headless ones of three endpoints. */
export function objects(): KubeObject[] {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
  const metadata = (name: string) => ({ name, namespace: 'default' });
  const service = (name: string, clusterIP: string) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(name),
    spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports },
  });
  const slice = (i: number) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata(`headless-${i}`), labels: { 'kubernetes.io/service-name': `headless-${i}` } },
    addressType: 'IPv4',
    ports,
    endpoints: [1, 2, 3].map((host) => ({ addresses: [`10.244.${i}.${host}`], conditions: { ready: true } })),
  });
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } },
    ...numbered(1_000, (i) => service(`svc-${i}`, `10.96.${i >> 8}.${i & 255}`)),
    ...numbered(100, (i) => service(`headless-${i}`, 'None')),
    ...numbered(100, slice),
  ];
}

/** What dnsperf saw of one run. */
export interface Run {
  completed: number;
  lost: number;
  perSecond: number;
}

/**
 * Drives a server for some seconds with 100 queries under way. Throws where dnsperf is not there, and where the
 * server's answers are not those that were to be measured.
 */
export function drive(
  { host, port }: { host: string; port: number },
  name: string,
  { queries, rcodes }: { queries: string[]; rcodes?: string[] },
  { folder, seconds }: { folder: string; seconds: number },
): Run {
  const file = join(folder, 'queries');
  writeFileSync(file, `${queries.join('\n')}\n`);
  const where = ['-s', host, '-p', String(port), '-d', file];
  const { error, status, stdout, stderr } = spawnSync(
    'dnsperf',
    [...where, '-c', '10', '-q', '100', '-T', '1', '-l', String(seconds)],
    { encoding: 'utf8' },
  );
  if (error) throw 'code' in error && error.code === 'ENOENT' ? new Error(missing) : error;
  if (status !== 0) throw new Error(`dnsperf: ${stderr.trim() || stdout.trim()}`);
  const figure = (label: string) =>
    Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(stdout)?.[1] ?? Number.NaN);
  const seen = /Response codes:\s+(.*)/.exec(stdout)?.[1] ?? 'no answer at all';
  const wrong = [...seen.matchAll(/([A-Z]+) \d+/g)].filter(([, rcode = '']) => !rcodes?.includes(rcode));
  const completed = figure('Queries completed');
  if (!(completed > 0) || (rcodes && wrong.length > 0))
    throw new Error(
      `${name} at ${host}:${port} gave ${seen} instead of ${rcodes?.join(', ')}: does it serve the objects of "npm run bench -- dns objects"?`,
    );
  return { completed, lost: figure('Queries lost'), perSecond: figure('Queries per second') };
}

const missing = `dnsperf is missing: sudo apt-get install dnsperf
or, without root: apt-get download dnsperf libldns3 && for i in *.deb; do dpkg-deb -x $i dnsperf; done
and then: PATH=$PWD/dnsperf/usr/bin:$PATH LD_LIBRARY_PATH=$PWD/dnsperf/usr/lib/$(uname -m)-linux-gnu npm run bench -- dns`;

function addressOf(i: number): string {
  return `svc-${i}.default.svc.cluster.local A`;
}

function srvOf(i: number): string {
  return `_http._tcp.headless-${i}.default.svc.cluster.local SRV`;
}

function nothingOf(i: number): string {
  return `nothing-${i}.default.svc.cluster.local A`;
}

function numbered<T>(count: number, one: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => one(i));
}
