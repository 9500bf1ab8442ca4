import { expect, test } from 'vitest';
import { proxyConfiguration } from '../configuration.ts';
import { createModel, type Model } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { service, slice } from '../testing/objects.ts';
import { stateBuilder } from './builder.ts';
import { ipvsContext } from './context.ts';
import { type PlanOptions, planFrom, planOf } from './plan.ts';
import type { IpvsStanding } from './standing.ts';

/**
 * More facts of upstream's `pkg/proxy/ipvs/*_test.go`. Others are held elsewhere: TestNodePort*, TestExternalIPs,
 * TestOnlyLocal*, TestLoadBalancerSourceRanges, TestMasquerade* in `state.test.ts`; TestBuildServiceMap*,
 * Test_updateEndpointsMap and the choice among endpoints that terminate in `model/`; TestCleanupLeftovers and what the
 * kernel does of Test_GracefulDeleteRS in `ipvs.netns.test.ts`. TestCheckIPSetVersion has no counterpart: the form of
 * `ipset save` read here is that of every release since 6.0.
 */
function setting({ configuration = {}, ips = ['172.18.0.3'], family = 'IPv4' as const } = {}) {
  const model = createModel(family, 'worker');
  const facts = nodeFacts('worker', undefined, { ips });
  const builder = stateBuilder(ipvsContext(proxyConfiguration(configuration), facts, family));
  return {
    model,
    state() {
      builder.update(model.rows());
      return builder.state;
    },
    /** What is written for what has changed since. */
    written() {
      const { rules } = builder.state;
      const changes = builder.update(model.rows());
      return planOf(changes, { draining: [], rules, wanted: builder.state.rules }, options);
    },
  };
}

const options: PlanOptions = { family: 'IPv4', excludeCIDRs: [], commitSize: Number.POSITIVE_INFINITY };
const nothing: IpvsStanding = {
  servers: new Map(),
  addresses: new Set(),
  shared: false,
  sets: new Map(),
  saved: new Map(),
};
const clusterIP = '10.96.0.10';
const lines = (text: string) => text.split('\n').filter(Boolean);

function putWeb(
  model: Model,
  spec: object,
  { endpoints = ['10.244.1.5'], protocol = 'TCP', loadBalancer = [] as string[] } = {},
) {
  const ports = [{ name: 'p80', port: 80, protocol }];
  model.setService('ns/web', service('ns/web', { clusterIP, ports, ...spec }, { loadBalancer }));
  model.setSlice('ns/web-a', slice('ns/web', endpoints, { protocol }));
}

test('session affinity is persistence at every address (TestSessionAffinity)', () => {
  const { model, state } = setting();
  const sessionAffinityConfig = { clientIP: { timeoutSeconds: 100 } };
  const ports = [{ name: 'p80', port: 80, nodePort: 30080 }];
  const outside = { type: 'LoadBalancer', externalIPs: ['192.0.2.1'], ports };
  putWeb(
    model,
    { ...outside, sessionAffinity: 'ClientIP', sessionAffinityConfig },
    { loadBalancer: ['198.51.100.1'] },
  );
  const { servers } = state();
  expect([...servers].map(([key, server]) => [key, server.options])).toEqual(
    [`${clusterIP}:80`, '192.0.2.1:80', '198.51.100.1:80', '172.18.0.3:30080'].map((at) => [
      `-t ${at}`,
      '-s rr -p 100',
    ]),
  );
});

test('a server whose options change is edited, its real servers stay (Test_syncService)', () => {
  const { model, state, written } = setting();
  putWeb(model, {});
  state();
  putWeb(model, { sessionAffinity: 'ClientIP' });
  expect(lines(written().servers)).toEqual([`-E -t ${clusterIP}:80 -s rr -p 10800`]);
});

test('an address goes with the last port that is served at it (TestMultiPortServiceBindAddr)', () => {
  const { model, state, written } = setting();
  const [one, two] = [
    { name: 'p80', port: 80 },
    { name: 'p81', port: 81 },
  ];
  putWeb(model, { ports: [one, two] });
  expect([...state().addresses.keys()]).toEqual([clusterIP]);
  putWeb(model, { ports: [two] });
  expect(written()).toMatchObject({ servers: `-D -t ${clusterIP}:80\n`, addresses: [] });
  model.setService('ns/web', undefined);
  expect(written()).toMatchObject({
    servers: `-D -t ${clusterIP}:81\n`,
    addresses: [`address del ${clusterIP}/32 dev kube-ipvs0`],
  });
});

test.each([
  ['TCP', '-t', ['-e -t 10.96.0.10:80 -r 10.244.1.6:80 -m -w 0'], 1],
  ['UDP', '-u', ['-d -u 10.96.0.10:80 -r 10.244.1.6:80'], 0],
  ['SCTP', '--sctp-service', ['-d --sctp-service 10.96.0.10:80 -r 10.244.1.6:80'], 0],
])('an endpoint of %s that goes (Test_GracefulDeleteRS)', (protocol, option, servers, draining) => {
  const { model, state, written } = setting();
  putWeb(model, {}, { protocol, endpoints: ['10.244.1.5', '10.244.1.6'] });
  expect([...state().servers.keys()]).toEqual([`${option} ${clusterIP}:80`]);
  putWeb(model, {}, { protocol });
  const plan = written();
  expect(lines(plan.servers)).toEqual(servers);
  expect(plan.draining).toHaveLength(draining);
});

const standing = (...keys: string[]): IpvsStanding => ({
  ...nothing,
  servers: new Map(keys.map((key) => [key, { options: '-s rr', reals: new Map([['10.244.9.9:80', 1]]) }])),
});

test('servers that nobody wants go whole, but for those in excluded ranges (TestCleanLegacyService*, TestFilterCIDRs)', () => {
  const { model, state } = setting();
  putWeb(model, {});
  const found = standing('-t 1.1.1.1:53', '-t 3.3.3.3:53', '-t 4.4.4.4:53', `-t ${clusterIP}:80`);
  const excludeCIDRs = ['3.3.3.0/24', '4.4.4.4/32', '10.96.0.0/16', '2001:db8::/64', 'nonsense'];
  const { servers } = planFrom(found, state(), { ...options, excludeCIDRs });
  expect(lines(servers)).toEqual([
    // What is wanted is ours, wherever it is.
    `-a -t ${clusterIP}:80 -r 10.244.1.5:80 -m -w 1`,
    `-e -t ${clusterIP}:80 -r 10.244.9.9:80 -m -w 0`,
    '-D -t 1.1.1.1:53',
  ]);
});

test('addresses of kube-ipvs0 that nobody wants go (TestCleanLegacyBindAddr)', () => {
  const { model, state } = setting();
  putWeb(model, {});
  const addresses = new Set([clusterIP, '1.2.3.4']);
  expect(planFrom({ ...nothing, addresses }, state(), options).addresses).toEqual([
    'address del 1.2.3.4/32 dev kube-ipvs0',
  ]);
});

test('sets: entries that are missing are added, others deleted, sets of others left alone (TestSyncIPSetEntries)', () => {
  const { model, state } = setting();
  putWeb(model, {});
  const wanted = state();
  const sets = new Map([...wanted.sets].map(([name, entries]) => [name, new Set(entries.keys())]));
  sets.set('KUBE-CLUSTER-IP', new Set(['172.16.1.1,tcp:80']));
  sets.set('KUBE-NODE-PORT-TCP', new Set(['30080']));
  sets.set('OTHERS', new Set(['1.2.3.4']));
  expect(lines(planFrom({ ...nothing, sets }, wanted, options).sets)).toEqual([
    `add KUBE-CLUSTER-IP ${clusterIP},tcp:80`,
    'del KUBE-CLUSTER-IP 172.16.1.1,tcp:80',
    'del KUBE-NODE-PORT-TCP 30080',
  ]);
});

test('what IPVS answers is let through at the end of KUBE-SERVICES, sets without entries not named (TestAcceptIPVSTraffic)', () => {
  const { model, state } = setting();
  const ports = [{ name: 'p80', port: 80, nodePort: 30080 }];
  putWeb(model, { type: 'LoadBalancer', ports }, { loadBalancer: ['198.51.100.1'] });
  const rules = state().rules.nat.chains.get('KUBE-SERVICES') ?? [];
  expect(rules.slice(-2)).toEqual([
    '-m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT',
    '-m set --match-set KUBE-LOAD-BALANCER dst,dst -j ACCEPT',
  ]);
  expect(rules.join('\n')).not.toContain('KUBE-EXTERNAL-IP');
});

test('packets from loopback are none of KUBE-SERVICES’ business (TestDismissLocalhostRuleExist)', () => {
  expect(setting().state().rules.nat.chains.get('KUBE-SERVICES')?.[0]).toBe('-s 127.0.0.0/8 -j RETURN');
  const node = nodeFacts('worker', undefined, { ips: ['fd00:172::3'] });
  const six = stateBuilder(ipvsContext(proxyConfiguration({}), node, 'IPv6')).state;
  expect(six.rules.nat.chains.get('KUBE-SERVICES')?.[0]).toBe('-s ::1/128 -j RETURN');
});

test('a load balancer that proxies has no server here (TestLoadBalancerIngressRouteTypeProxy)', () => {
  const { model, state } = setting();
  const ports = [{ name: 'p80', port: 80 }];
  const web = service('ns/web', { type: 'LoadBalancer', clusterIP, ports });
  const ingress = [
    { ip: '198.51.100.1', ipMode: 'Proxy' },
    { ip: '198.51.100.2', ipMode: 'VIP' },
  ];
  model.setService('ns/web', { ...web, status: { loadBalancer: { ingress } } });
  const { servers, addresses } = state();
  expect([...servers.keys()]).toEqual([`-t ${clusterIP}:80`, '-t 198.51.100.2:80']);
  expect([...addresses.keys()]).toEqual([clusterIP, '198.51.100.2']);
});

test('a health check port is let in as long as its Service has one (TestHealthCheckNodePortE2E)', () => {
  const { model, state, written } = setting();
  const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30000 };
  putWeb(model, local);
  expect([...(state().sets.get('KUBE-HEALTH-CHECK-NODE-PORT')?.keys() ?? [])]).toEqual(['30000']);
  putWeb(model, { type: 'LoadBalancer', externalTrafficPolicy: 'Cluster' });
  expect(lines(written().sets)).toContain('del KUBE-HEALTH-CHECK-NODE-PORT 30000');
});

test('a node’s addresses: loopback and link-local ones serve no node port; a new one does (TestGetNodeIPs)', () => {
  const ports = [{ name: 'p80', port: 80, nodePort: 30080 }];
  const servers = (...localAddresses: string[]) => {
    const facts = nodeFacts('worker', undefined, { ips: ['172.18.0.3'], localAddresses });
    const builder = stateBuilder(ipvsContext(proxyConfiguration({}), facts, 'IPv4'));
    const model = createModel('IPv4', 'worker');
    putWeb(model, { type: 'NodePort', ports });
    builder.update(model.rows());
    return builder.state;
  };
  const before = servers('127.0.0.1', '::1', '172.18.0.3', 'fe80::1', 'fd00:172::3');
  expect([...before.servers.keys()]).toEqual([`-t ${clusterIP}:80`, '-t 172.18.0.3:30080']);
  const after = servers('127.0.0.1', '172.18.0.3', '192.168.7.1');
  const found = { ...nothing, ...before, addresses: new Set(before.addresses.keys()) };
  expect(lines(planFrom(found, after, options).servers)).toEqual([
    '-A -t 192.168.7.1:30080 -s rr',
    '-a -t 192.168.7.1:30080 -r 10.244.1.5:80 -m -w 1',
  ]);
  expect(lines(planFrom({ ...found, servers: after.servers }, before, options).servers)).toEqual([
    '-D -t 192.168.7.1:30080',
  ]);
});

test.each(['sh', 'mh', 'dh'])('%s with and without affinity: only mh names a flag', (scheduler) => {
  const { model, state } = setting({ configuration: { ipvs: { scheduler } } });
  putWeb(model, { sessionAffinity: 'ClientIP' });
  const flag = scheduler === 'mh' ? ' -b mh-port' : '';
  expect(state().servers.get(`-t ${clusterIP}:80`)?.options).toBe(`-s ${scheduler} -p 10800${flag}`);
});
