import { expect, test } from 'vitest';
import { parseConnections } from '../../kernel/ipvs.ts';
import { proxyConfiguration } from '../configuration.ts';
import { createModel } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { service, slice } from '../testing/objects.ts';
import { ipvsSysctls } from './parameters.ts';
import { type KnownState, planOf, planText } from './plan.ts';
import { desiredState } from './render.ts';
import { parseServers, serversDifference, serversText, withDraining } from './servers.ts';
import { parseSets, setsText } from './sets.ts';
import type { IpvsState } from './state.ts';

const configuration = proxyConfiguration({ clusterCIDR: '10.244.0.0/16' });
const node = nodeFacts('worker', undefined, { ips: ['172.18.0.3'] });
const options = { family: 'IPv4', excludeCIDRs: [], commitSize: Number.POSITIVE_INFINITY } as const;

type Endpoints = Readonly<Record<string, readonly string[]>>;

/** Services by name, each with these endpoints; the protocol is the name's. */
function stateOf(services: Endpoints): IpvsState {
  const model = createModel('IPv4', 'worker');
  for (const [i, [name, ips]] of Object.entries(services).entries()) {
    const [protocol, portName] = [name.startsWith('udp') ? 'UDP' : 'TCP', 'p80'];
    const spec = { clusterIP: `10.96.0.${i + 1}`, ports: [{ name: portName, port: 80, protocol }] };
    model.setService(`ns/${name}`, service(`ns/${name}`, spec));
    model.setSlice(`ns/${name}-a`, slice(`ns/${name}`, [...ips], { protocol }));
  }
  return desiredState({ rows: [...model.rows().values()], node, family: 'IPv4', configuration });
}

const known = (state: IpvsState): KnownState => ({ ...state, rules: state.rules });
const linesOf = (from: Endpoints, to: Endpoints) =>
  planText(planOf(known(stateOf(from)), stateOf(to), options))
    .split('\n')
    .filter(Boolean);

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
    '-d -u 10.96.0.1:80 -r 10.0.0.2:80',
  ]);
});

test('an endpoint that comes back while it drains gets its weight again, and keeps its connections', () => {
  const one = stateOf({ tcp: ['10.0.0.1'] }).servers;
  const two = stateOf({ tcp: ['10.0.0.1', '10.0.0.2'] }).servers;
  const gone = serversDifference(two, one);
  expect(gone.draining).toEqual([['-t 10.96.0.1:80', '10.0.0.2:80']]);
  const standing = withDraining(one, gone.draining);
  expect(serversDifference(standing, one)).toMatchObject({ lines: [], changed: 0, draining: gone.draining });
  expect(serversDifference(standing, two).lines).toEqual(['-e -t 10.96.0.1:80 -r 10.0.0.2:80 -m -w 1']);
});

test('what the tools print is read as what was written', () => {
  const { servers, sets } = stateOf({ tcp: ['10.0.0.1', '10.0.0.2'], udp: ['10.0.0.2'] });
  expect(parseServers(serversText(servers), 'IPv4')).toEqual(servers);
  expect(parseServers(serversText(servers), 'IPv6')).toEqual(new Map());
  expect(parseSets(setsText(sets, 'IPv4'))).toEqual(sets);
});

test('a first start makes the device and the sets', () => {
  const nothing = { chains: new Map(), hooks: [] };
  const empty = {
    servers: new Map(),
    addresses: undefined,
    sets: new Map(),
    rules: { mangle: nothing, filter: nothing, nat: nothing },
  };
  const plan = planOf(empty, stateOf({ tcp: ['10.0.0.1'] }), options);
  expect(plan.addresses).toEqual([
    'link add kube-ipvs0 type dummy',
    'address add 10.96.0.1/32 dev kube-ipvs0',
  ]);
  expect(plan.sets.match(/^create /gm)).toHaveLength(17);
  expect(plan.created).toBe(1);
});

test('random histories: the state reached by differences is that of a fresh start', () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  let standing = known(stateOf({}));
  for (let round = 0; round < 200; round++) {
    const names = ['tcp-a', 'udp-b', 'tcp-c'].filter(() => random(4) > 0);
    const wanted = stateOf(
      Object.fromEntries(
        names.map((name) => [name, ['10.0.0.1', '10.0.0.2', '10.0.0.3'].filter(() => random(2))]),
      ),
    );
    const plan = planOf(standing, wanted, options);
    const servers = applyServers(standing.servers, plan.servers);
    expect(servers).toEqual(new Map(withDraining(wanted.servers, plan.draining)));
    standing = { ...known(wanted), servers: withDraining(wanted.servers, plan.draining) };
    expect(planText(planOf(standing, wanted, options))).toBe('');
  }
});

/** What `ipvsadm --restore` makes of a batch; throws where the kernel would refuse. */
function applyServers(before: KnownState['servers'], batch: string): KnownState['servers'] {
  const servers = new Map(
    [...before].map(([key, { options, reals }]) => [key, { options, reals: new Map(reals) }]),
  );
  for (const line of batch.split('\n').filter(Boolean)) {
    const [verb = '', protocol = '', address = '', ...words] = line.split(' ');
    const key = `${protocol} ${address}`;
    const server = servers.get(key);
    if ((verb === '-A') === (server !== undefined)) throw new Error(`refused: ${line}`);
    if (verb === '-A') servers.set(key, { options: words.join(' '), reals: new Map() });
    if (verb === '-D') servers.delete(key);
    if (verb === '-E' && server) server.options = words.join(' ');
    if (!/^-[ade]$/.test(verb) || !server) continue;
    const real = words[1] ?? '';
    if ((verb === '-a') === server.reals.has(real)) throw new Error(`refused: ${line}`);
    if (verb === '-d') server.reals.delete(real);
    else server.reals.set(real, Number(words.at(-1)));
  }
  return servers;
}

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
