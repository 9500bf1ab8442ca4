import { expect, test } from 'vitest';
import type { Endpoint } from './endpoints.ts';
import type { ServicePort } from './serviceport.ts';
import { categorizeEndpoints, zoneLabel } from './topology.ts';

const base: ServicePort = {
  service: 'ns/svc',
  name: 'ns/svc',
  portName: '',
  protocol: 'TCP',
  clusterIP: '10.0.0.1',
  port: 80,
  nodePort: 0,
  externalIPs: [],
  loadBalancerVIPs: [],
  loadBalancerSourceRanges: [],
  affinitySeconds: 0,
  externalPolicyLocal: false,
  internalPolicyLocal: false,
  healthCheckNodePort: 0,
};
const external = { externalPolicyLocal: true, nodePort: 8080 };
const internal = { internalPolicyLocal: true };

/** `a:zone-a,zone-b local`, with `-ready`, `-serving`, `terminating` as words. */
function endpoint(text: string): Endpoint {
  const [name = '', ...words] = text.split(' ');
  const [ip = '', zones] = name.split(':');
  return {
    text: ip,
    ip,
    port: 80,
    isLocal: words.includes('local'),
    ready: !words.includes('-ready'),
    serving: !words.includes('-serving'),
    terminating: words.includes('terminating'),
    ...(zones ? { zoneHints: new Set(zones.split(',')) } : {}),
  };
}

const hinted = ['3:zone-a', '4:zone-b', '5:zone-c', '6:zone-a'];
type Row = [
  name: string,
  port: Partial<ServicePort>,
  zone: string | undefined,
  endpoints: string[],
  expected: { cluster?: string; local?: string; reachable?: string; hasAny?: boolean },
];

/** Rows of upstream's `TestCategorizeEndpoints` in `pkg/proxy/topology_test.go`. */
const rows: Row[] = [
  ['hints choose the own zone', {}, 'zone-a', hinted, { cluster: '3 6' }],
  [
    'hints do not apply to policy Local outside',
    external,
    'zone-a',
    ['3:zone-a local', '4:zone-b local', '5:zone-c', '6:zone-a'],
    { cluster: '3 6', local: '3 4', reachable: '3 6 4' },
  ],
  [
    'hints do not apply to policy Local inside',
    { ...internal, nodePort: 8080 },
    'zone-a',
    ['3:zone-a local', '4:zone-b local', '5:zone-c', '6:zone-a'],
    { cluster: '3 6', local: '3 4', reachable: '3 6 4' },
  ],
  ['a node without a zone uses all', {}, undefined, ['3:zone-a'], { cluster: '3' }],
  ['an empty zone is none', {}, '', ['3:zone-a'], { cluster: '3' }],
  ['no endpoint for the own zone: all are used', {}, 'zone-b', ['3:zone-a'], { cluster: '3' }],
  [
    'unready endpoints are left out',
    {},
    'zone-a',
    ['3:zone-a', '4:zone-b', '5:zone-c', '6:zone-a -ready'],
    { cluster: '3' },
  ],
  [
    'only unready endpoints in the own zone: all ready ones are used',
    {},
    'zone-a',
    ['3:zone-a -ready', '4:zone-b', '5:zone-c', '6:zone-a -ready'],
    { cluster: '4 5' },
  ],
  [
    'one endpoint without a hint: none counts',
    {},
    'zone-a',
    ['3:zone-a', '4:zone-b', '5', '6:zone-a'],
    { cluster: '3 4 5 6' },
  ],
  [
    'an endpoint may be meant for several zones',
    {},
    'zone-c',
    ['3:zone-a,zone-b,zone-c', '4:zone-b,zone-c', '5:zone-b,zone-d', '6:zone-c'],
    { cluster: '3 4 6' },
  ],
  [
    'zone and locality together',
    external,
    'zone-a',
    ['0:zone-a local', '1:zone-b local', '2:zone-a', '3:zone-b'],
    { cluster: '0 2', local: '0 1', reachable: '0 2 1' },
  ],
  ['Local inside without endpoints', internal, undefined, [], { hasAny: false }],
  ['Local inside, all remote', internal, undefined, ['0', '1'], { hasAny: true }],
  ['Local inside, all local', internal, undefined, ['0 local', '1 local'], { local: '0 1' }],
  ['Local inside, some local', internal, undefined, ['0 local', '1'], { local: '0' }],
  [
    'Cluster, terminating before none',
    {},
    undefined,
    ['0 -ready terminating', '1 -ready -serving terminating'],
    { cluster: '0' },
  ],
  ['Cluster, ready before terminating', {}, undefined, ['0', '1 -ready terminating'], { cluster: '0' }],
  [
    'Local outside, a local terminating one before remote ready ones',
    external,
    undefined,
    ['0 -ready terminating local', '1'],
    { cluster: '1', local: '0', reachable: '1 0' },
  ],
  [
    'both Local, remote terminating only',
    { ...internal, ...external },
    undefined,
    ['0 -ready terminating'],
    { cluster: '0', reachable: '0', hasAny: true },
  ],
  [
    'Local outside means nothing without a way in from outside',
    { externalPolicyLocal: true },
    undefined,
    ['0 local', '1'],
    { cluster: '0 1' },
  ],
];

test.each(rows)(
  '%s',
  (_, port, zone, endpoints, { cluster = '', local = '', reachable = cluster || local, hasAny }) => {
    const labels: Record<string, string> = zone === undefined ? {} : { [zoneLabel]: zone };
    const got = categorizeEndpoints(endpoints.map(endpoint), { ...base, ...port }, labels);
    const names = (list: readonly Endpoint[]) => list.map(({ ip }) => ip).join(' ');
    expect({
      cluster: names(got.cluster),
      local: names(got.local),
      reachable: names(got.reachable),
      hasAny: got.hasAny,
    }).toEqual({
      cluster,
      local,
      reachable,
      hasAny: hasAny ?? Boolean(cluster || local),
    });
  },
);
