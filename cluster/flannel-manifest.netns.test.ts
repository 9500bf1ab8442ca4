import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { DaemonSet, Node, Pod } from '../api/types.ts';
import { packageRoot } from '../kernel/package-root.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

const manifest = (name: string) => readFileSync(join(packageRoot, 'scenarios/flannel', name), 'utf8');

const isReady = ({ status }: Node | Pod) =>
  (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');

const isNetworkless = ({ status }: Node) =>
  (status?.conditions ?? []).some(({ message }) => /cni plugin not initialized/.test(message ?? ''));

const pod = (name: string, nodeName: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }],
  },
});

async function flannelPod(cluster: Cluster, namespace: string, node: string): Promise<string> {
  const { items } = await cluster.client.list(resources.pods, { namespace, labelSelector: 'app=flannel' });
  return items.find(({ spec }) => spec?.nodeName === node)?.metadata?.name ?? '';
}

it.each([
  {
    file: 'kube-flannel.yaml',
    namespace: 'kube-flannel',
    backend: { Type: 'vxlan', VNI: 7, Port: 4789 },
    device: 'flannel.7',
    mtu: '1450',
  },
  {
    file: 'kube-flannel-v0.10.0.yaml',
    namespace: 'kube-system',
    backend: { Type: 'host-gw' },
    device: 'eth0',
    mtu: '1500',
  },
])(
  '$file: its pods are the overlay, as net-conf.json says',
  async ({ file, namespace, backend, device, mtu }) => {
    await using cluster = await startCluster({
      name: 'flannel-manifest',
      overlay: 'none',
      clusterDns: 'none',
    });
    const client = cluster.client;
    await cluster.waitFor<Node>('nodes', (nodes) => nodes.length === 2 && nodes.every(isNetworkless));
    await cluster.apply([pod('near', 'control-plane'), pod('far', 'worker')]);

    await cluster.apply(
      manifest(file).replace(/"Backend": \{[^}]*\}/, `"Backend": ${JSON.stringify(backend)}`),
    );
    await cluster.waitFor<Node>('nodes', (nodes) => nodes.every(isReady));
    const pods = await cluster.waitFor<Pod>('pods', (all) => all.length === 2 && all.every(isReady));
    await cluster.waitFor<DaemonSet>(
      'daemonsets',
      (sets) => sets.some(({ status }) => status?.desiredNumberScheduled === 2 && status.numberReady === 2),
      { namespace },
    );
    const far = pods.find(({ metadata }) => metadata?.name === 'far')?.status?.podIP ?? '';
    const ping = async () =>
      (await cluster.pod('near').exec(['ping', '-c1', '-W2', far], { allowFailure: true })).stdout;
    const routes = async () =>
      (await cluster.node('control-plane').exec(['ip', 'route', 'show', '10.244.1.0/24'])).stdout;
    // Its pods are Ready when they run; the manifest of 2018 has no probe.
    await expect.poll(routes).toContain(`dev ${device}`);
    await expect.poll(ping).toContain(' 0% packet loss');
    const link = await cluster.pod('near').exec(['cat', '/sys/class/net/eth0/mtu']);
    expect(link.stdout.trim()).toBe(mtu);

    // A route that is lost is written again by the next one; nothing else goes with the pod.
    await cluster.node('control-plane').exec(['ip', 'route', 'del', '10.244.1.0/24']);
    const name = await flannelPod(cluster, namespace, 'control-plane');
    await client.delete(resources.pods, { name, namespace }, { gracePeriodSeconds: 0 });
    const until = `for i in $(seq 200); do ping -c1 -W1 ${far} && exit; sleep 0.1; done; exit 1`;
    await cluster.pod('near').exec(['sh', '-c', until]);
    expect(await routes()).toContain(`dev ${device}`);
  },
);
