import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { Deployment, Pod, Service } from '../api/types.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';
import {
  findResolvers,
  isShort,
  type Protocol,
  type RecordType,
  type Resolver,
} from './testing/resolvers.ts';

/** Every resolver that programs in pods have, every type of record, UDP and TCP, before and after changes. */

let folder = '';
let cluster: Cluster;
let resolvers: Resolver[] = [];

const namespace = 'default';
const domain = 'svc.cluster.local';

function pod(name: string, hostname?: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...(hostname ? { labels: { app: 'peer' } } : {}) },
    spec: {
      ...(hostname ? { hostname, subdomain: 'peers' } : {}),
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'busybox', command: ['sleep', '3600'] }],
    },
  };
}

const service = (name: string, spec: Service['spec']): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { ipFamilyPolicy: 'RequireDualStack', ...spec },
});

const vip = service('vip', {
  ports: [
    { name: 'http', port: 80 },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ],
});
const peers = service('peers', {
  clusterIP: 'None',
  selector: { app: 'peer' },
  ports: [{ name: 'rpc', port: 1234 }],
});
const elsewhere = (externalName: string): Service => ({
  ...service('elsewhere', {}),
  spec: { type: 'ExternalName', externalName },
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-resolvers-'));
  const finding = findResolvers(folder, (reason) => console.log(`skipped: ${reason}`));
  cluster = await startCluster({
    nodes: 2,
    podCidr: '10.244.0.0/16,fd00:10:244::/56',
    serviceCidr: '10.96.0.0/16,fd00:10:96::/112',
  });
  await cluster.apply([vip, peers, elsewhere(`vip.${namespace}.${domain}`)]);
  await cluster.apply([pod('asker'), pod('one', 'a'), pod('two', 'b')]);
  await cluster.waitFor<Pod>('pods', 'Ready');
  await cluster.waitFor<Deployment>('deployment/coredns', 'Available', { namespace: 'kube-system' });
  resolvers = await finding;
  for (const { program } of resolvers) {
    if (program === undefined) continue;
    const target = `/tmp/${basename(program)}`;
    const input = readFileSync(program, 'base64');
    await cluster.pod('asker').exec(['sh', '-c', `base64 -d > ${target} && chmod +x ${target}`], { input });
  }
}, 120_000);

afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A name, or an address for PTR, and the data of the answers; short names are for resolvers that search. */
type Question = readonly [type: RecordType, name: string, data: readonly string[]];

/** What the API says that is to be answered, `later` a Service that may not be there. */
async function questions(target: 'vip' | 'peers', later: boolean): Promise<Question[]> {
  const ipsOf = async (name: string) =>
    (await cluster.client.get(resources.services, { name, namespace })).spec?.clusterIPs ?? [];
  const [vip4 = '', vip6 = ''] = await ipsOf('vip');
  const { items } = await cluster.client.list(resources.pods, { namespace, labelSelector: 'app=peer' });
  const all = items.map(({ spec, status }) => ({
    name: `${spec?.hostname}.peers.${namespace}.${domain}`,
    ips: (status?.podIPs ?? []).map(({ ip = '' }) => ip),
  }));
  const ofFamily = (index: number) => all.map(({ ips }) => ips[index] ?? '');
  const whole = (name: string) => `${name}.${namespace}.${domain}`;
  const [first] = all;
  const [ip4 = '', ip6 = ''] = first?.ips ?? [];
  return [
    ['A', whole('vip'), [vip4]],
    ['AAAA', whole('vip'), [vip6]],
    ['A', 'vip', [vip4]],
    ['AAAA', 'vip.default', [vip6]],
    ['A', 'kubernetes.default.svc', await ipsOf('kubernetes')],
    ['A', whole('peers'), ofFamily(0)],
    ['AAAA', whole('peers'), ofFamily(1)],
    ['A', 'a.peers', [ip4]],
    ['A', first?.name ?? '', [ip4]],
    ['AAAA', first?.name ?? '', [ip6]],
    ['A', `${ip4.replaceAll('.', '-')}.${namespace}.pod.cluster.local`, [ip4]],
    // The weight is shared by all addresses, of which each target here has two.
    ['SRV', `_http._tcp.${whole('vip')}`, [`0 50 80 ${whole('vip')}`]],
    ['SRV', `_dns._udp.${whole('vip')}`, [`0 50 53 ${whole('vip')}`]],
    ['SRV', `_rpc._tcp.${whole('peers')}`, all.map(({ name }) => `0 ${100 / all.length / 2} 1234 ${name}`)],
    ['PTR', vip4, [whole('vip')]],
    ['PTR', vip6, [whole('vip')]],
    ['PTR', ip4, [first?.name ?? '']],
    ['PTR', ip6, [first?.name ?? '']],
    ['CNAME', whole('elsewhere'), [whole(target)]],
    ['A', whole('elsewhere'), target === 'vip' ? [vip4] : ofFamily(0)],
    ['AAAA', 'elsewhere', target === 'vip' ? [vip6] : ofFamily(1)],
    ['TXT', 'dns-version.cluster.local', ['"1.1.0"']],
    ['NS', 'cluster.local', ['kube-dns.kube-system.svc.cluster.local']],
    ['SOA', 'cluster.local', ['ns.dns.cluster.local']],
    ['A', whole('later'), later ? await ipsOf('later') : []],
    ['A', whole('nobody'), []],
    ['TXT', whole('vip'), []],
  ];
}

const mark = '== ';

/** Asks all that this resolver can ask, in one shell; resolves to what each line of the table is answered. */
async function ask(resolver: Resolver, protocol: Protocol, table: readonly Question[]): Promise<string[]> {
  const able = table.filter(([type, name]) => canAsk(resolver, type, name));
  const script = able
    .map(([type, name]) => `echo '${mark}'; ${resolver.line(type, name, protocol)} 2>/dev/null`)
    .join('\n');
  const { stdout } = await cluster.pod('asker').exec(['sh', '-c', `${script}\ntrue`]);
  const parts = stdout.split(`${mark}\n`).slice(1);
  return able.map(([type, name], index) => said(type, name, resolver.read(parts[index] ?? '')));
}

const canAsk = (resolver: Resolver, type: RecordType, name: string) =>
  resolver.types.includes(type) && (resolver.searches || !isShort(name));

/** In one form for all: names without their last dot, an SOA by its first field, addresses without the CNAME before them. */
function said(type: RecordType, name: string, data: readonly string[]): string {
  const all = data
    .map((each) => (type === 'SOA' ? (each.split(' ')[0] ?? '') : each).replace(/\.$/, ''))
    .filter((each) => (type !== 'A' && type !== 'AAAA') || /^[\d.]+$|:/.test(each));
  return `${type} ${name}: ${[...new Set(all)].sort().join(', ')}`;
}

const expected = (resolver: Resolver, table: readonly Question[]) =>
  table
    .filter(([type, name]) => canAsk(resolver, type, name))
    .map(([type, name, data]) => said(type, name, data));

async function everybodyIsRight(table: readonly Question[]): Promise<void> {
  const [dig, ...others] = resolvers;
  if (!dig) throw new Error('there is no dig');
  // The rules of the node follow, and DNS a change.
  await expect
    .poll(() => ask(dig, 'udp', table), { timeout: 20_000, interval: 50 })
    .toEqual(expected(dig, table));
  expect(await ask(dig, 'tcp', table)).toEqual(expected(dig, table));
  for (const resolver of others)
    for (const protocol of resolver.protocols)
      expect(await ask(resolver, protocol, table), `${resolver.name}, ${protocol}`).toEqual(
        expected(resolver, table),
      );
}

it('every resolver is right for every type of record, over UDP and TCP', async () => {
  await everybodyIsRight(await questions('vip', false));
});

it('a name that does not exist is NXDOMAIN, one without such data is not, over both', async () => {
  const of = (words: string) => `dig ${words} | grep -o 'status: [A-Z]*'`;
  const names = [`nobody.default.${domain}`, `vip.default.${domain} TXT`, `nobody.nowhere.${domain}`];
  const script = names.flatMap((name) => [of(name), of(`+tcp ${name}`)]).join('\n');
  const { stdout } = await cluster.pod('asker').exec(['sh', '-c', script]);
  const [none, noData] = ['status: NXDOMAIN', 'status: NOERROR'];
  expect(stdout.trim().split('\n')).toEqual([none, none, noData, noData, none, none]);
});

it('and is again when Services and pods have come, gone and changed', async () => {
  const { client } = cluster;
  await client.delete(resources.pods, { name: 'two', namespace });
  await client.delete(resources.services, { name: 'vip', namespace });
  await cluster.apply([
    pod('three', 'c'),
    vip,
    service('later', { ports: [{ port: 80 }], ipFamilyPolicy: 'SingleStack' }),
    elsewhere(`peers.${namespace}.${domain}`),
  ]);
  await cluster.waitFor<Pod>(
    'pods',
    (pods) =>
      pods.every(({ metadata }) => metadata?.name !== 'two') &&
      pods.some(({ metadata, status }) => metadata?.name === 'three' && (status?.podIPs ?? []).length === 2),
  );
  await cluster.waitFor<Pod>('pods/three', 'Ready');
  await everybodyIsRight(await questions('peers', true));
});
