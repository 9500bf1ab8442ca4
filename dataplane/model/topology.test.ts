import { expect, test } from 'vitest';
import type { Endpoint } from './endpoints.ts';
import type { ServicePort } from './serviceport.ts';
import { categorizeEndpoints, topologyOf, zoneLabel } from './topology.ts';

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

/** `a:zone-a,zone-b@node-a,node-b local`, with `-ready`, `-serving`, `terminating` as words. */
function endpoint(text: string): Endpoint {
  const [name = '', ...words] = text.split(' ');
  const [before = '', nodes] = name.split('@');
  const [ip = '', zones] = before.split(':');
  return {
    text: ip,
    ip,
    port: 80,
    isLocal: words.includes('local'),
    ready: !words.includes('-ready'),
    serving: !words.includes('-serving'),
    terminating: words.includes('terminating'),
    ...(zones ? { zoneHints: new Set(zones.split(',')) } : {}),
    ...(nodes ? { nodeHints: new Set(nodes.split(',')) } : {}),
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
  ['Cluster, none ready', {}, undefined, ['0 -ready', '1 -ready'], { hasAny: false }],
  ['Cluster, some ready', {}, undefined, ['0 -ready', '1'], { cluster: '1' }],
  [
    'Cluster, all terminating',
    {},
    undefined,
    ['0 -ready terminating local', '1 -ready terminating'],
    { cluster: '0 1' },
  ],
  [
    'Cluster, terminating ones with hints: only ready endpoints are chosen by zone',
    {},
    'zone-a',
    ['0:zone-a -ready terminating', '1:zone-b -ready terminating'],
    { cluster: '0 1' },
  ],
  [
    'Local inside, Cluster outside',
    { ...internal, nodePort: 8080 },
    undefined,
    ['0 local', '1'],
    { cluster: '0 1', local: '0', reachable: '0 1' },
  ],
  [
    'Cluster inside, Local outside',
    external,
    undefined,
    ['0 local', '1'],
    { cluster: '0 1', local: '0', reachable: '0 1' },
  ],
  [
    'both Local, some local',
    { ...internal, ...external },
    undefined,
    ['0 local', '1'],
    { cluster: '0 1', local: '0', reachable: '0 1' },
  ],
  [
    'both Local, all remote',
    { ...internal, ...external },
    undefined,
    ['0', '1'],
    { cluster: '0 1', reachable: '0 1' },
  ],
  [
    'Local outside, with terminating ones on both sides',
    external,
    undefined,
    ['0', '1 -ready -serving local', '2 -ready terminating local', '3 -ready terminating'],
    { cluster: '0', local: '2', reachable: '0 2' },
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

const names = (list: readonly Endpoint[]) => list.map(({ ip }) => ip).join(' ');

function categorized(
  endpoints: readonly string[],
  port: Partial<ServicePort>,
  zone?: string,
  preferSameNode = false,
) {
  const labels: Record<string, string> = zone === undefined ? {} : { [zoneLabel]: zone };
  const topology = topologyOf({ name: 'node-a', labels }, { preferSameNode });
  return categorizeEndpoints(endpoints.map(endpoint), { ...base, ...port }, topology);
}

test.each(rows)(
  '%s',
  (_, port, zone, endpoints, { cluster = '', local = '', reachable = cluster || local, hasAny }) => {
    const got = categorized(endpoints, port, zone);
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

/** Rows of later releases of the same test: feature gate PreferSameTrafficDistribution is alpha in 1.33. */
const byNode: [name: string, endpoints: string[], expected: string][] = [
  ['node hints choose the own node', ['3@node-a', '4@node-b', '5@node-c', '6@node-a'], '3 6'],
  ['node hints go before zone hints', ['3:zone-a@node-a', '4:zone-a@node-b', '5:zone-b@node-c'], '3'],
  ['none for this node: by zone', ['3:zone-a@node-x', '4:zone-b@node-b', '5:zone-a@node-c'], '3 5'],
  ['one without a node hint: by zone', ['3:zone-a@node-a', '4:zone-b@node-b', '5:zone-a'], '3 5'],
  [
    'the own one is not ready: by zone',
    ['3:zone-a@node-a -ready', '4:zone-a@node-b', '5:zone-b@node-c'],
    '4',
  ],
];

test.each(byNode)('%s', (_, endpoints, expected) => {
  expect(names(categorized(endpoints, {}, 'zone-a', true).cluster)).toBe(expected);
});

test('node hints do not count unless the feature gate is on', () => {
  expect(names(categorized(['3@node-a', '4@node-b'], {}, 'zone-a').cluster)).toBe('3 4');
});
