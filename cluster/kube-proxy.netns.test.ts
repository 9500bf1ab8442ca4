import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';
import { proxyKubeconfigPath } from './runtime.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ name: 'kube-proxy', nodes: 2, dataplane: 'none', clusterDns: 'none' });
});

afterAll(() => cluster?.stop());

const shell = async (node: string, script: string) =>
  (await cluster.node(node).exec(['sh', '-c', script])).stdout;
const version = async () => {
  const { stdout } = await cluster
    .node('worker')
    .exec(['curl', '-sk', '--max-time', '2', 'https://10.96.0.1/version'], { allowFailure: true });
  return stdout;
};

it('nodes of a cluster without a dataplane have no rules for Services', async () => {
  expect(await shell('worker', 'iptables-save')).not.toContain('KUBE-');
  expect(await version()).toBe('');
});

it('a v9s kube-proxy typed on a node writes them, outlives its shell, and goes by its own name', async () => {
  const flags = `--kubeconfig=${proxyKubeconfigPath} --hostname-override=worker --logtostderr=true --v=4`;
  const pid = (await shell('worker', `v9s kube-proxy ${flags} >/run/test.log 2>&1 & echo $!`)).trim();
  await expect
    .poll(() => shell('worker', 'cat /run/test.log'), { timeout: 20_000 })
    .toContain('node worker, mode iptables: in step with the API');
  expect(await version()).toContain('gitVersion');
  expect(await shell('worker', 'ss -ltnp')).toContain(`("kube-proxy",pid=${pid},`);
  expect(await shell('control-plane', 'iptables-save')).not.toContain('KUBE-');

  await expect(cluster.setDataplane({ dataplane: 'nftables' })).rejects.toThrow(
    /on node worker a kube-proxy runs already, in mode iptables; end it first/,
  );
  expect(cluster.spec.dataplane).toBe('none');
  await shell('worker', `kill ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.02; done`);
  expect(await version()).toContain('gitVersion');
});

it('it may be given a dataplane, which clears away what was written by hand', async () => {
  await cluster.setDataplane({ dataplane: 'nftables' });
  expect(await shell('worker', 'iptables-save')).not.toMatch(/KUBE-(SVC|SERVICES)/);
  expect(await version()).toContain('gitVersion');
});
