import { expect, test } from 'vitest';
import { proxyConfiguration } from '../configuration.ts';
import { createModel } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { service, slice } from '../testing/objects.ts';
import { ipvsSysctls } from './parameters.ts';
import { desiredState, ipvsText } from './render.ts';
import { serversText } from './servers.ts';

const local = { ip: '10.180.0.1', node: 'worker' };
const remote = { ip: '10.180.1.1', node: 'worker2' };
const leaving = { ip: '10.180.1.2', node: 'worker2', ready: false, serving: true, terminating: true };

/** One Service on node `worker`, 172.18.0.3, as kube-proxy 1.12 has it. */
function then(
  spec: Parameters<typeof service>[1],
  { loadBalancer = [] as string[], endpoints = [local, remote, leaving], configuration = {} } = {},
) {
  const model = createModel('IPv4', 'worker');
  const { protocol = 'TCP' } = spec.ports?.[0] ?? {};
  model.setService('ns/web', service('ns/web', { clusterIP: '10.0.0.228', ...spec }, { loadBalancer }));
  model.setSlice('ns/web-a', slice('ns/web', endpoints, { protocol }));
  const inputs = {
    rows: [...model.rows().values()],
    node: nodeFacts('worker', undefined, { ips: ['172.18.0.3'] }),
    family: 'IPv4',
    configuration: proxyConfiguration({ clusterCIDR: '10.180.0.0/16', ...configuration }),
    emulatedVersion: '1.12',
  } as const;
  const { sets, rules, servers, addresses } = desiredState(inputs);
  const filled = [...sets].filter(([, { size }]) => size > 0);
  return {
    names: [...sets.keys()],
    sets: Object.fromEntries(filled.map(([name, entries]) => [name, [...entries.keys()]])),
    nat: rules.nat.chains,
    filter: rules.filter,
    servers: serversText(servers).trim().split('\n'),
    addresses: [...addresses.keys()],
    text: ipvsText(inputs),
  };
}

const ports = [{ name: 'p80', port: 80, nodePort: 30080 }];
const comment = (text: string) => `-m comment --comment "${text}"`;
const noted = {
  loopback: comment('Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose'),
  clusterIP: comment('Kubernetes service cluster ip + port for masquerade purpose'),
  external: comment('Kubernetes service external ip + port for masquerade and filter purpose'),
};

test('a node port: the sets, rules and servers of 1.12, with ready endpoints only', () => {
  const { sets, names, nat, filter, servers } = then({ type: 'NodePort', ports });
  expect(names).toHaveLength(14);
  expect(sets).toEqual({
    // Endpoints of other nodes too.
    'KUBE-LOOP-BACK': ['10.180.0.1,tcp:80,10.180.0.1', '10.180.1.1,tcp:80,10.180.1.1'],
    'KUBE-CLUSTER-IP': ['10.0.0.228,tcp:80'],
    'KUBE-NODE-PORT-TCP': ['30080'],
  });
  expect(servers.filter((line) => line.startsWith('-A'))).toEqual([
    '-A -t 10.0.0.228:80 -s rr',
    '-A -t 127.0.0.1:30080 -s rr',
    '-A -t 172.18.0.3:30080 -s rr',
  ]);
  expect(servers.filter((line) => line.startsWith('-a -t 10.0.0.228'))).toHaveLength(2);
  expect(Object.fromEntries(nat)).toEqual({
    'KUBE-SERVICES': [
      `${noted.clusterIP} -m set --match-set KUBE-CLUSTER-IP dst,dst ! -s 10.180.0.0/16 -j KUBE-MARK-MASQ`,
      '-m addrtype --dst-type LOCAL -j KUBE-NODE-PORT',
      '-m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT',
    ],
    'KUBE-POSTROUTING': [
      `${comment('kubernetes service traffic requiring SNAT')} -m mark --mark 0x4000/0x4000 -j MASQUERADE`,
      `${noted.loopback} -m set --match-set KUBE-LOOP-BACK dst,dst,src -j MASQUERADE`,
    ],
    'KUBE-FIREWALL': ['-j KUBE-MARK-DROP'],
    'KUBE-NODE-PORT': [
      `-p tcp ${comment('Kubernetes nodeport TCP port for masquerade purpose')} -m set --match-set KUBE-NODE-PORT-TCP dst -j KUBE-MARK-MASQ`,
    ],
    'KUBE-LOAD-BALANCER': ['-j KUBE-MARK-MASQ'],
    'KUBE-MARK-MASQ': ['-j MARK --set-xmark 0x4000/0x4000'],
    'KUBE-MARK-DROP': ['-j MARK --set-xmark 0x8000/0x8000'],
  });
  expect([...filter.chains.keys()]).toEqual(['KUBE-FORWARD', 'KUBE-FIREWALL']);
  expect(filter.hooks.map(({ chain, rule }) => `${chain} ${rule}`)).toEqual([
    'INPUT -j KUBE-FIREWALL',
    `FORWARD ${comment('kubernetes forwarding rules')} -j KUBE-FORWARD`,
    'OUTPUT -j KUBE-FIREWALL',
  ]);
});

test('masqueradeAll, as article 003 starts the proxy', () => {
  const { nat } = then({ ports }, { configuration: { iptables: { masqueradeAll: true } } });
  expect(nat.get('KUBE-SERVICES')?.[0]).toBe(
    `${noted.clusterIP} -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ`,
  );
});

test('a load balancer: its firewall marks for dropping; local endpoints only with affinity', () => {
  const spec = {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 32100,
    loadBalancerSourceRanges: ['203.0.113.0/24', '172.18.0.0/16'],
    ports,
  };
  const { sets, nat, servers } = then(spec, { loadBalancer: ['1.2.3.4'] });
  expect(sets).toMatchObject({
    'KUBE-LOAD-BALANCER': ['1.2.3.4,tcp:80'],
    'KUBE-LOAD-BALANCER-FW': ['1.2.3.4,tcp:80'],
    'KUBE-LOAD-BALANCER-LOCAL': ['1.2.3.4,tcp:80'],
    'KUBE-LOAD-BALANCER-SOURCE-CIDR': ['1.2.3.4,tcp:80,203.0.113.0/24', '1.2.3.4,tcp:80,172.18.0.0/16'],
    'KUBE-LOAD-BALANCER-SOURCE-IP': ['1.2.3.4,tcp:80,1.2.3.4'],
    'KUBE-NODE-PORT-LOCAL-TCP': ['30080'],
  });
  expect(sets).not.toHaveProperty('KUBE-HEALTH-CHECK-NODE-PORT');
  const verdicts = (chain: string) =>
    (nat.get(chain) ?? []).map((rule) => rule.replace(/^.*--match-set /, ''));
  expect(verdicts('KUBE-LOAD-BALANCER')).toEqual([
    'KUBE-LOAD-BALANCER-FW dst,dst -j KUBE-FIREWALL',
    'KUBE-LOAD-BALANCER-LOCAL dst,dst -j RETURN',
    '-j KUBE-MARK-MASQ',
  ]);
  expect(verdicts('KUBE-FIREWALL')).toEqual([
    'KUBE-LOAD-BALANCER-SOURCE-CIDR dst,dst,src -j RETURN',
    'KUBE-LOAD-BALANCER-SOURCE-IP dst,dst,src -j RETURN',
    '-j KUBE-MARK-DROP',
  ]);
  expect(verdicts('KUBE-NODE-PORT')).toEqual([
    'KUBE-NODE-PORT-LOCAL-TCP dst -j RETURN',
    'KUBE-NODE-PORT-TCP dst -j KUBE-MARK-MASQ',
  ]);
  const realsOf = (lines: string[], key: string) =>
    lines.flatMap((line) => (line.startsWith(`-a -t ${key} -r `) ? [line.split(' ')[4]] : []));
  expect(realsOf(servers, '172.18.0.3:30080')).toEqual(['10.180.0.1:80']);
  expect(realsOf(servers, '1.2.3.4:80')).toEqual(['10.180.0.1:80', '10.180.1.1:80']);
  const sticky = then({ ...spec, sessionAffinity: 'ClientIP' }, { loadBalancer: ['1.2.3.4'] });
  expect(realsOf(sticky.servers, '1.2.3.4:80')).toEqual(['10.180.0.1:80']);
  expect(sticky.servers).toContain('-A -t 1.2.3.4:80 -s rr -p 10800');
  // The policy was not known for what comes to the node with no endpoint: nobody answers there.
  expect(
    realsOf(then(spec, { loadBalancer: ['1.2.3.4'], endpoints: [remote] }).servers, '172.18.0.3:30080'),
  ).toEqual([]);
});

test('external addresses are bound, even the node’s own, and masqueraded whatever the policy', () => {
  const { addresses, sets, nat } = then({ externalIPs: ['50.60.70.81', '172.18.0.3'], ports });
  expect(addresses).toEqual(['10.0.0.228', '50.60.70.81', '172.18.0.3']);
  expect(sets['KUBE-EXTERNAL-IP']).toEqual(['50.60.70.81,tcp:80', '172.18.0.3,tcp:80']);
  const start = `${noted.external} -m set --match-set KUBE-EXTERNAL-IP dst,dst`;
  expect(nat.get('KUBE-SERVICES')?.slice(1, 4)).toEqual([
    `${start} -j KUBE-MARK-MASQ`,
    `${start} -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j ACCEPT`,
    `${start} -m addrtype --dst-type LOCAL -j ACCEPT`,
  ]);
});

test('SCTP node ports are a bitmap, and 1.33 knows nothing of it', () => {
  const sctp = [{ name: 'p80', port: 80, nodePort: 30080, protocol: 'SCTP' }];
  const { sets, nat, text } = then({ type: 'NodePort', ports: sctp });
  expect(sets['KUBE-NODE-PORT-SCTP']).toEqual(['30080']);
  expect(nat.get('KUBE-SERVICES')?.[0]).toMatch(/^-p sctp .* KUBE-NODE-PORT-SCTP dst -j KUBE-NODE-PORT$/);
  expect(text).toContain('create KUBE-NODE-PORT-SCTP bitmap:port range 0-65535');
  expect(text).not.toMatch(
    /KUBE-(IPVS-|PROXY-FIREWALL|SOURCE-RANGES|HEALTH-CHECK|EXTERNAL-IP-LOCAL|NODE-PORT-SCTP-HASH)/,
  );
});

test('node ports on 127.0.0.1 need packets of loopback to be routed', () => {
  const configuration = proxyConfiguration({});
  expect(ipvsSysctls(configuration, '6.1.0', '1.12')).toHaveProperty('net.ipv4.conf.all.route_localnet', 1);
  expect(ipvsSysctls(configuration, '6.1.0')).not.toHaveProperty('net.ipv4.conf.all.route_localnet');
});
