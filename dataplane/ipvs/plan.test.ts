import { expect, test } from 'vitest';
import { parseConnections } from '../../kernel/ipvs.ts';
import { proxyConfiguration } from '../configuration.ts';
import { parseSaved } from '../iptables/parse.ts';
import { savedText } from '../iptables/rules.ts';
import { createModel, type Model } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { applyServers, applySets } from '../testing/modelipvs.ts';
import { service, slice } from '../testing/objects.ts';
import { stateBuilder } from './builder.ts';
import { ipvsContext } from './context.ts';
import { ipvsSysctls } from './parameters.ts';
import { planFrom, planOf, planText } from './plan.ts';
import {
  type Draining,
  parseServers,
  type Servers,
  serversDifference,
  serversText,
  withDraining,
} from './servers.ts';
import { parseSets, type Sets, setsDifference, setsText } from './sets.ts';
import type { IpvsState } from './state.ts';

const configuration = proxyConfiguration({ clusterCIDR: '10.244.0.0/16' });
const node = nodeFacts('worker', undefined, { ips: ['172.18.0.3'] });
const options = { family: 'IPv4', excludeCIDRs: [], commitSize: Number.POSITIVE_INFINITY } as const;
const newBuilder = () => stateBuilder(ipvsContext(configuration, node, 'IPv4'));

type Endpoints = Readonly<Record<string, readonly string[]>>;

/** Services by name, each with these endpoints; the protocol is the name's. All have one external address. */
function modelOf(
  services: Endpoints,
  model = createModel('IPv4', 'worker'),
  externalIPs: string[] = [],
): Model {
  for (const name of ['tcp', 'udp', 'tcp-a', 'udp-b', 'tcp-c']) {
    const ips = services[name];
    const protocol = name.startsWith('udp') ? 'UDP' : 'TCP';
    const clusterIP = { tcp: '10.96.0.1', udp: '10.96.0.2' }[name] ?? `10.96.1.${name.charCodeAt(4)}`;
    const spec = { clusterIP, externalIPs, ports: [{ name: 'p80', port: 80, protocol }] };
    model.setService(`ns/${name}`, ips && service(`ns/${name}`, spec));
    model.setSlice(`ns/${name}-a`, ips && slice(`ns/${name}`, [...ips], { protocol }));
  }
  return model;
}

function stateOf(services: Endpoints): IpvsState {
  const builder = newBuilder();
  builder.update(modelOf(services).rows());
  return builder.state;
}

function linesOf(from: Endpoints, to: Endpoints): string[] {
  const [builder, model] = [newBuilder(), modelOf(from)];
  builder.update(model.rows());
  const { rules } = builder.state;
  const changes = builder.update(modelOf(to, model).rows());
  const plan = planOf(changes, { draining: [], rules, wanted: builder.state.rules }, options);
  return planText(plan).split('\n').filter(Boolean);
}

test('the same state needs nothing', () => {
  expect(linesOf({ tcp: ['10.0.0.1'] }, { tcp: ['10.0.0.1'] })).toEqual([]);
});

test('one Service more: its entries, its server, its address', () => {
  expect(linesOf({ tcp: ['10.0.0.1'] }, { tcp: ['10.0.0.1'], udp: ['10.0.0.2'] })).toEqual([
    'add KUBE-CLUSTER-IP 10.96.0.2,udp:80',
    'add KUBE-IPVS-IPS 10.96.0.2',
    '-A -u 10.96.0.2:80 -s rr',
    '-a -u 10.96.0.2:80 -r 10.0.0.2:80 -m -w 1',
    'address add 10.96.0.2/32 dev kube-ipvs0',
  ]);
});

test('one Service less', () => {
  expect(linesOf({ tcp: ['10.0.0.1'], udp: ['10.0.0.2'] }, { tcp: ['10.0.0.1'] })).toEqual([
    'del KUBE-CLUSTER-IP 10.96.0.2,udp:80',
    'del KUBE-IPVS-IPS 10.96.0.2',
    '-D -u 10.96.0.2:80',
    'address del 10.96.0.2/32 dev kube-ipvs0',
  ]);
});

test('an endpoint that goes: weight 0 with TCP, at once with UDP', () => {
  expect(linesOf({ tcp: ['10.0.0.1', '10.0.0.2'] }, { tcp: ['10.0.0.1'] })).toEqual([
    '-e -t 10.96.0.1:80 -r 10.0.0.2:80 -m -w 0',
  ]);
  expect(linesOf({ udp: ['10.0.0.1', '10.0.0.2'] }, { udp: ['10.0.0.1'] })).toEqual([
    '-d -u 10.96.0.2:80 -r 10.0.0.2:80',
  ]);
});

test('an endpoint that comes back while it drains gets its weight again, and keeps its connections', () => {
  const key = '-t 10.96.0.1:80';
  const one = stateOf({ tcp: ['10.0.0.1'] }).servers.get(key);
  const two = stateOf({ tcp: ['10.0.0.1', '10.0.0.2'] }).servers.get(key);
  if (!one || !two) throw new Error('no such server');
  const gone = serversDifference([[key, [two, one]]]);
  expect(gone.draining).toEqual([[key, '10.0.0.2:80']]);
  const standing = withDraining(one, ['10.0.0.2:80']);
  expect(serversDifference([[key, [standing, one]]])).toMatchObject({
    lines: [],
    changed: 0,
    draining: gone.draining,
  });
  expect(serversDifference([[key, [standing, two]]]).lines).toEqual([
    '-e -t 10.96.0.1:80 -r 10.0.0.2:80 -m -w 1',
  ]);
});

test('what the tools print is read as what was written', () => {
  const { servers, sets } = stateOf({ tcp: ['10.0.0.1', '10.0.0.2'], udp: ['10.0.0.2'] });
  expect(parseServers(serversText(servers), 'IPv4')).toEqual(servers);
  expect(parseServers(serversText(servers), 'IPv6')).toEqual(new Map());
  expect(setsDifference(parseSets(setsText(sets, 'IPv4')), sets, 'IPv4')).toEqual([]);
});

test('a first start makes the device and the sets', () => {
  const empty = {
    servers: new Map(),
    addresses: undefined,
    shared: false,
    sets: new Map(),
    saved: new Map(),
  };
  const plan = planFrom(empty, stateOf({ tcp: ['10.0.0.1'] }), options);
  expect(plan.addresses).toEqual([
    'link add kube-ipvs0 type dummy',
    'address add 10.96.0.1/32 dev kube-ipvs0',
  ]);
  expect(plan.sets.match(/^create /gm)).toHaveLength(17);
  expect(plan.created).toBe(1);
});

test('an emulated release gives addresses themselves as broadcast address, as its netlink library did', () => {
  const had = stateOf({});
  const standing = { servers: new Map(), shared: false, sets: new Map(), saved: new Map() };
  const found = { ...standing, addresses: new Set(had.addresses.keys()) };
  const plan = planFrom(found, stateOf({ tcp: ['10.0.0.1'] }), { ...options, broadcast: true });
  expect(plan.addresses).toEqual(['address add 10.96.0.1/32 broadcast 10.96.0.1 dev kube-ipvs0']);
});

test('random histories: the state reached by differences is that of a fresh start', () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  const model = createModel('IPv4', 'worker');
  const builder = newBuilder();
  let [servers, sets, addresses] = [new Map(), new Map(), new Set<string>()] as [Servers, Sets, Set<string>];
  let draining: readonly Draining[] = [];
  let { rules } = builder.state;
  sets = parseSets(setsText(builder.state.sets, 'IPv4'));
  for (let round = 0; round < 300; round++) {
    const names = ['tcp-a', 'udp-b', 'tcp-c'].filter(() => random(4) > 0);
    const ips = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
    // An address that several Services claim belongs to the first of them.
    const external = random(2) ? ['192.0.2.1'] : [];
    const services = Object.fromEntries(names.map((name) => [name, ips.filter(() => random(2))]));
    const changes = builder.update(modelOf(services, model, external).rows());
    const plan = planOf(changes, { draining, rules, wanted: builder.state.rules }, options);
    servers = applyServers(servers, plan.servers);
    sets = applySets(sets, plan.sets);
    for (const line of plan.addresses) {
      const [, verb, address = ''] = line.split(' ');
      const ip = address.split('/')[0] ?? '';
      if (addresses.has(ip) === (verb === 'add')) throw new Error(`refused: ${line}`);
      if (verb === 'add') addresses.add(ip);
      else addresses.delete(ip);
    }
    ({ draining } = plan);
    ({ rules } = builder.state);
    const fresh = newBuilder();
    fresh.update(modelOf(services, undefined, external).rows());
    expect(rules).toEqual(fresh.state.rules);
    const saved = parseSaved(savedText(rules));
    const rest = planFrom({ servers, sets, addresses, shared: false, saved }, fresh.state, options);
    expect(planText(rest)).toBe('');
    expect([...rest.draining].sort()).toEqual([...draining].sort());
  }
});

test('connections are counted from the table of ipvsadm', () => {
  const table = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.0.0.1:80 mh (mh-port) persistent 10800
  -> 10.1.0.1:8080                Masq    1      2          3         
UDP  [fd00::1]:53 rr
  -> [fd00::2]:5353               Masq    0      0          0         
`;
  expect([...parseConnections(table)]).toEqual([
    ['-t 10.0.0.1:80 10.1.0.1:8080', 5],
    ['-u [fd00::1]:53 [fd00::2]:5353', 0],
  ]);
});

test('kernel parameters: strict ARP when asked for, connection reuse where the kernel gets it wrong', () => {
  const strict = proxyConfiguration({ ipvs: { strictARP: true } });
  expect(ipvsSysctls(strict, '6.1.0')).toMatchObject({ 'net.ipv4.conf.all.arp_ignore': 1 });
  expect(ipvsSysctls(configuration, '6.1.0')).not.toHaveProperty('net.ipv4.vs.conn_reuse_mode');
  expect(ipvsSysctls(configuration, '5.4.0-100')).toHaveProperty('net.ipv4.vs.conn_reuse_mode', 0);
});
