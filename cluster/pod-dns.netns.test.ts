import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment, Pod } from '../api/types.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

/** What resolvers in pods are told: resolv.conf by every dnsPolicy, and the hosts file. */

let cluster: Cluster;

const ofNode = 'nameserver 172.18.0.1\n';
const search = 'search default.svc.cluster.local svc.cluster.local cluster.local';
const ofCluster = `${search}\nnameserver 10.96.0.10\noptions ndots:5\n`;

const dnsConfig = {
  nameservers: ['10.96.0.10'],
  searches: ['kube-system.svc.cluster.local'],
  options: [{ name: 'ndots', value: '1' }, { name: 'edns0' }],
};

/** By the pod's name: its spec, and the resolv.conf that it must have. */
const policies: Record<string, [spec: Partial<Pod['spec']>, resolvConf: string]> = {
  'cluster-first': [{}, ofCluster],
  default: [{ dnsPolicy: 'Default' }, ofNode],
  none: [
    { dnsPolicy: 'None', dnsConfig },
    'search kube-system.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:1 edns0\n',
  ],
  configured: [
    { dnsConfig },
    `${search} kube-system.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:1 edns0\n`,
  ],
  'host-network': [{ hostNetwork: true }, ofNode],
  'host-network-cluster': [{ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, ofCluster],
};

const pod = (name: string, spec: Partial<Pod['spec']>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: 'busybox', command: ['sleep', '3600'] }],
    ...spec,
  },
});

beforeAll(async () => {
  cluster = await startCluster({ nodes: 1 });
  const hostAliases = [
    { ip: '192.0.2.9', hostnames: ['elsewhere', 'kubernetes'] },
    { ip: '2001:db8::9', hostnames: ['elsewhere6'] },
  ];
  await cluster.apply([
    ...Object.entries(policies).map(([name, [spec]]) => pod(name, spec)),
    pod('aliases', { hostAliases, hostname: 'db', subdomain: 'data' }),
  ]);
  await cluster.waitFor<Pod>('pods', 'Ready');
  await cluster.waitFor<Deployment>('deployment/coredns', 'Available', { namespace: 'kube-system' });
  const patient = 'for i in $(seq 100); do getent hosts kubernetes && exit; sleep 0.05; done; exit 1';
  await run('cluster-first', patient);
});
afterAll(() => cluster?.stop());

const run = async (name: string, line: string) =>
  (await cluster.pod(name).exec(['sh', '-c', line], { allowFailure: true })).stdout;

describe('resolv.conf', () => {
  it.each(Object.keys(policies))('with the policy of the pod %s', async (name) => {
    expect(await run(name, 'cat /etc/resolv.conf')).toBe(policies[name]?.[1]);
  });

  it('finds names of the cluster where it names its server, by the search path of the pod', async () => {
    const whole = 'getent ahostsv4 kubernetes.default.svc.cluster.local | head -1';
    for (const name of ['cluster-first', 'none', 'configured', 'host-network-cluster'])
      expect(await run(name, whole), name).toMatch(/^10\.96\.0\.1 /);
    // The search path of a pod is its own.
    expect(await run('none', 'getent ahostsv4 kube-dns | head -1')).toMatch(/^10\.96\.0\.10 /);
    expect(await run('configured', 'getent ahostsv4 kube-dns | head -1')).toMatch(/^10\.96\.0\.10 /);
    expect(await run('cluster-first', 'getent ahostsv4 kube-dns.kube-system | head -1')).toMatch(
      /^10\.96\.0\.10 /,
    );
  });

  /** Names of the cluster that did not exist, as CoreDNS has counted them. */
  async function misses(): Promise<number> {
    const { stdout } = await cluster
      .node('control-plane')
      .exec(['curl', '-s', 'http://10.96.0.10:9153/metrics']);
    const counts = stdout.matchAll(/^coredns_dns_responses_total\{.*rcode="NXDOMAIN".*\} (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  it('with ndots:5 has a whole name of four dots tried below all three others first', async () => {
    const askedFor = async (name: string, question: string) => {
      const before = await misses();
      expect(await run(name, `getent ahostsv4 ${question} | head -1`)).toMatch(/^10\.96\.0\.1 /);
      return (await misses()) - before;
    };
    const whole = 'kubernetes.default.svc.cluster.local';
    expect(await askedFor('cluster-first', whole)).toBe(3);
    expect(await askedFor('cluster-first', `${whole}.`)).toBe(0);
    expect(await askedFor('none', whole)).toBe(0);
  });
});

describe('the hosts file', () => {
  it('has the pod, by its whole name, and its aliases', async () => {
    const ip = (await run('aliases', 'hostname -i')).trim();
    expect(await run('aliases', 'cat /etc/hosts')).toMatch(
      new RegExp(
        `\\n${ip}\\tdb\\.data\\.default\\.svc\\.cluster\\.local\\tdb\\n\\n# Entries added by HostAliases\\.\\n192\\.0\\.2\\.9\\telsewhere\\tkubernetes\\n2001:db8::9\\telsewhere6\\n$`,
      ),
    );
    expect(await run('aliases', 'hostname; hostname -f')).toBe('db\ndb.data.default.svc.cluster.local\n');
  });

  it('comes before DNS', async () => {
    expect(await run('aliases', 'getent hosts elsewhere kubernetes')).toMatch(
      /^192\.0\.2\.9 .*\n192\.0\.2\.9 .*\n$/,
    );
    expect(await run('aliases', 'getent ahostsv6 elsewhere6 | head -1')).toMatch(/^2001:db8::9 /);
    expect(await run('aliases', 'getent ahostsv4 kubernetes.default | head -1')).toMatch(/^10\.96\.0\.1 /);
  });
});
