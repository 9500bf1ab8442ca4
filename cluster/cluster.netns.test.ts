import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { EndpointSlice, Pod } from '../api/types.ts';
import { packageRoot } from '../kernel/package-root.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

const manifest = (name: string) => readFileSync(join(packageRoot, 'scenarios/hostnames', name), 'utf8');

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ name: 'whole', nodes: 2 });
});

afterAll(() => cluster?.stop());

describe('the hostnames demo', () => {
  let clusterIp = '';
  let podNames: string[] = [];

  beforeAll(async () => {
    await cluster.apply(`${manifest('service.yaml')}\n---\n${manifest('deployment.yaml')}`);
    await cluster.waitFor('deployment/hostnames', 'Available');
    const pods = await cluster.waitFor<Pod>('pods', 'Ready', { labelSelector: 'app=hostnames' });
    podNames = pods.map(({ metadata }) => metadata?.name ?? '');
    const service = await cluster.client.get(resources.services, { name: 'hostnames', namespace: 'default' });
    clusterIp = service.spec?.clusterIP ?? '';
    await cluster.waitFor<EndpointSlice>(
      'endpointslices',
      ([slice]) => slice?.endpoints?.filter(({ conditions }) => conditions?.ready).length === 3,
      { labelSelector: 'kubernetes.io/service-name=hostnames' },
    );
    await answered('control-plane', `http://${clusterIp}`);
    await answered('worker', `http://${clusterIp}`);
  });

  /** The first answer, once the rules are there. */
  async function answered(node: string, url: string): Promise<string> {
    const patient = `for i in $(seq 200); do curl -fs --max-time 2 ${url} && exit; sleep 0.02; done; exit 1`;
    return (await cluster.node(node).exec(['sh', '-c', patient])).stdout.trim();
  }

  it('spreads its pods over both nodes, each with an address of its node', async () => {
    const { items } = await cluster.client.list(resources.pods, { namespace: 'default' });
    const places = new Map(items.map(({ spec, status }) => [spec?.nodeName, status?.podIP]));
    expect([...places.keys()].sort()).toEqual(['control-plane', 'worker']);
    expect(places.get('control-plane')).toMatch(/^10\.244\.0\./);
    expect(places.get('worker')).toMatch(/^10\.244\.1\./);
  });

  it.each(['control-plane', 'worker'])('is answered by every pod when asked from %s', async (node) => {
    const command = `curl -s -H 'Connection: close' -w '\\n' 'http://${clusterIp}/?[1-120]'`;
    const { stdout } = await cluster.node(node).exec(['sh', '-c', command]);
    const answers = stdout.split('\n').filter(Boolean);
    expect(answers).toHaveLength(120);
    // 120 draws miss one of three pods with probability 3 · (2/3)^120 < 1e-20.
    expect([...new Set(answers)].sort()).toEqual([...podNames].sort());
  });

  it('is reached from a pod, its own endpoint too, by address and by name', async () => {
    const pod = cluster.pod(podNames[0] ?? '');
    await cluster.waitFor('pods', 'Ready', { namespace: 'kube-system' });
    const byAddress = `curl -s -H 'Connection: close' -w '\\n' 'http://${clusterIp}/?[1-60]'`;
    const { stdout } = await pod.exec(['sh', '-c', byAddress]);
    expect(new Set(stdout.split('\n').filter(Boolean)).size).toBe(3);
    for (const name of ['hostnames', 'hostnames.default', 'hostnames.default.svc.cluster.local']) {
      const found = await pod.exec(['getent', 'hosts', name]);
      expect(found.stdout.split(/\s+/)[0]).toBe(clusterIp);
      expect(podNames).toContain((await pod.exec(['curl', '-s', `http://${name}`])).stdout.trim());
    }
  });

  it('is reached from outside through a node port of either node', async () => {
    await cluster.client.patch(resources.services, { name: 'hostnames', namespace: 'default' }, 'merge', {
      spec: { type: 'NodePort' },
    });
    const service = await cluster.client.get(resources.services, { name: 'hostnames', namespace: 'default' });
    const nodePort = service.spec?.ports?.[0]?.nodePort ?? 0;
    expect(nodePort).toBeGreaterThanOrEqual(30_000);
    for (const { address } of cluster.spec.nodes) {
      expect(podNames).toContain(await answered('outside', `http://${address}:${nodePort}`));
    }
  });

  it('gives pods the files and namespaces of a container', async () => {
    const pod = cluster.pod(podNames[0] ?? '');
    const shell = async (line: string) => (await pod.exec(['sh', '-c', line])).stdout;
    expect((await shell('hostname')).trim()).toBe(podNames[0]);
    expect((await shell('cat /etc/hostname')).trim()).toBe(podNames[0]);
    expect(await shell('cat /etc/resolv.conf')).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    expect(await shell('cat /etc/hosts')).toContain(`\t${podNames[0]}\n`);
    expect(await shell('ls /proc | grep -c "^[0-9]"')).toMatch(/^[1-6]\n$/);
    expect(await shell('touch /written && ls /written')).toBe('/written\n');
    expect(await shell('ls /home /root 2>/dev/null | grep -v ":" | grep .; true')).toBe('');
  });

  it("lets a pod's service account ask the API what it was given the right to", async () => {
    const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
    const ask = `curl -s --cacert ${folder}/ca.crt -H "Authorization: Bearer $(cat ${folder}/token)" https://kubernetes.default.svc/api/v1/namespaces/default/pods`;
    const answer = async () =>
      JSON.parse((await cluster.pod(podNames[0] ?? '').exec(['sh', '-c', ask])).stdout);
    expect(await answer()).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message:
        'pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group "" in the namespace "default"',
    });
    await cluster.client.create(resources.rolebindings, {
      metadata: { name: 'default-views', namespace: 'default' },
      roleRef: { kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
    });
    expect((await answer()).items.length).toBeGreaterThanOrEqual(3);
  });

  it('refuses connections at once when no endpoint is left', async () => {
    await cluster.client.patch(resources.deployments, { name: 'hostnames', namespace: 'default' }, 'merge', {
      spec: { replicas: 0 },
    });
    const refused = `for i in $(seq 500); do curl -s --max-time 2 http://${clusterIp} >/dev/null; code=$?; [ $code = 7 ] && exit; sleep 0.02; done; exit $code`;
    await cluster.node('worker').exec(['sh', '-c', refused]);
  });
});

describe("article 000's chains", () => {
  it('have the names that the article shows', async () => {
    await cluster.client.delete(resources.services, { name: 'hostnames', namespace: 'default' });
    await cluster.apply(`
apiVersion: v1
kind: Service
metadata: { name: hostnames }
spec:
  ports: [{ name: default, port: 80, targetPort: 9376 }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: hostnames-article, labels: { kubernetes.io/service-name: hostnames } }
addressType: IPv4
ports: [{ name: default, port: 9376, protocol: TCP }]
endpoints:
- { addresses: [10.244.1.5], conditions: { ready: true } }
- { addresses: [10.244.1.6], conditions: { ready: true } }
- { addresses: [10.244.1.7], conditions: { ready: true } }
`);
    const saved = () => cluster.node('control-plane').exec(['iptables-save', '-t', 'nat']);
    await expect.poll(async () => (await saved()).stdout, { timeout: 10_000 }).toContain('10.244.1.7:9376');
    const { stdout } = await saved();
    expect(stdout).toMatch(
      /-A KUBE-SERVICES -d [\d.]+\/32 -p tcp .* --dport 80 -j KUBE-SVC-ODX2UBAZM7RQWOIU\n/,
    );
    for (const [address, chain] of [
      ['10.244.1.5', 'KUBE-SEP-LZSOAAIF344LOQYR'],
      ['10.244.1.6', 'KUBE-SEP-TKZFUYKNSRMALYNM'],
      ['10.244.1.7', 'KUBE-SEP-7MW3KEEC4RCNSIJ2'],
    ]) {
      expect(stdout).toContain(`-j ${chain}\n`);
      expect(stdout).toMatch(new RegExp(`-A ${chain} .*--to-destination ${address}:9376\\n`));
    }
    expect(stdout).toMatch(/--probability 0\.33333333\d+ -j KUBE-SEP-LZSOAAIF344LOQYR/);
    expect(stdout).toMatch(/--probability 0\.50000000\d+ -j KUBE-SEP-TKZFUYKNSRMALYNM/);
  });
});

describe('an unknown image', () => {
  it('fails with a message that lists what exists', async () => {
    await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: { name: lost }
spec: { containers: [{ name: main, image: example.com/no/such:1 }] }
`);
    const [pod] = await cluster.waitFor<Pod>('pod/lost', ([seen]) =>
      /ErrImagePull|ImagePullBackOff/.test(
        seen?.status?.containerStatuses?.[0]?.state?.waiting?.reason ?? '',
      ),
    );
    expect(pod?.status?.containerStatuses?.[0]?.state?.waiting?.message).toContain('example.com/no/such:1');
    await expect
      .poll(async () => {
        const { items } = await cluster.client.list(resources.events, {
          namespace: 'default',
          fieldSelector: 'involvedObject.name=lost',
        });
        return items.map(({ message }) => message).join('\n');
      })
      .toContain('serve_hostname');
  });
});
