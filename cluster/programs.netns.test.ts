import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { Pod } from '../api/types.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({
    name: 'programs',
    nodes: 1,
    clusterDns: 'none',
    // Any program: what it is told can be seen on its node.
    programs: ['kube-scheduler=none', 'kube-proxy=/bin/echo'],
  });
});

afterAll(() => cluster?.stop());

it('without a scheduler pods wait for somebody else who binds them', async () => {
  const metadata = { name: 'web', namespace: 'default' };
  await cluster.client.create(resources.pods, {
    metadata,
    spec: { containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }] },
  });
  // The controllers have seen it by then.
  await cluster.waitFor('serviceaccounts', (accounts) => accounts.length > 0);
  expect((await cluster.client.get(resources.pods, metadata)).spec?.nodeName).toBeUndefined();
  await cluster.client.request('POST', '/api/v1/namespaces/default/pods/web/binding', {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata,
    target: { apiVersion: 'v1', kind: 'Node', name: 'control-plane' },
  });
  await cluster.waitFor<Pod>('pods/web', ([pod]) => pod?.status?.phase === 'Running');
});

it("a kube-proxy of another's gets kubeadm's flags, and the node writes no rules of its own", async () => {
  const { stdout } = await cluster
    .node('control-plane')
    .exec(['cat', `${cluster.stateDir}/log/kube-proxy-control-plane.log`]);
  expect(stdout).toContain(
    '--kubeconfig=/run/v9s/kube-proxy.kubeconfig --hostname-override=control-plane --cluster-cidr=10.244.0.0/16 --proxy-mode=iptables',
  );
  expect((await cluster.node('control-plane').exec(['iptables-save'])).stdout).not.toContain('KUBE-SERVICES');
  await expect(cluster.setDataplane({ dataplane: 'nftables' })).rejects.toThrow('run /bin/echo; v9s down');
});
