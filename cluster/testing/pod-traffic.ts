import { readFileSync } from 'node:fs';
import type { Pod } from '../../api/types.ts';
import { type Cluster, type ClusterOptions, startCluster } from '../../index.ts';

/** A cluster of two nodes with a pod on each, `left` and `right`. */
export interface PodTraffic extends AsyncDisposable {
  cluster: Cluster;
  /** The addresses of `right`, in the order of the cluster's pod CIDRs. */
  targets: readonly string[];
  /** Runs a command in `left`. */
  left(command: readonly string[], allowFailure?: boolean): Promise<{ exitCode: number; output: string }>;
  /** Sends from `left` to an address of `right`; what each of them counted. */
  transfer(address: string, bytes: number): Promise<{ sent: string; received: string }>;
}

const script = readFileSync(new URL('./transfer.pl', import.meta.url), 'utf8');
const perl = (...args: string[]) => ['perl', '-e', script, ...args];

/** Resolves when each of the pods' addresses answers from the other node. */
export async function startPodTraffic(options: ClusterOptions): Promise<PodTraffic> {
  const cluster = await startCluster({ clusterDns: 'none', nodes: 2, ...options });
  try {
    await cluster.apply([pod('left', 'control-plane'), pod('right', 'worker')]);
    const pods = await cluster.waitFor<Pod>('pods', 'Ready');
    const right = pods.find(({ metadata }) => metadata?.name === 'right');
    const targets = (right?.status?.podIPs ?? []).map(({ ip }) => ip ?? '');
    const traffic: PodTraffic = {
      cluster,
      targets,
      async left(command, allowFailure = false) {
        const { exitCode, stdout, stderr } = await cluster.pod('left').exec(command, { allowFailure });
        return { exitCode, output: stdout + stderr };
      },
      async transfer(address, bytes) {
        const [received, sent] = await Promise.all([
          cluster.pod('right').exec(perl('receive', address, '5201')),
          cluster.pod('left').exec(perl('send', address, '5201', String(bytes))),
        ]);
        return { sent: sent.stdout.trim(), received: received.stdout.trim() };
      },
      [Symbol.asyncDispose]: () => cluster.stop(),
    };
    for (const address of targets)
      await traffic.left([
        ...['sh', '-c', `for i in $(seq 200); do ping -c1 -W1 ${address} && exit; sleep 0.05; done; exit 1`],
      ]);
    return traffic;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

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

/** A name for the test, and what the cluster is started with. */
export interface PodNetworkCase {
  name: string;
  options: ClusterOptions;
  /** What is left for pods of the underlay's 1500. */
  mtu: number;
}

const dual = { podCidr: '10.244.0.0/16,fd00:10:244::/56', serviceCidr: '10.96.0.0/16,fd00:10:96::/112' };
const ipv6 = { podCidr: 'fd00:10:244::/56', serviceCidr: 'fd00:10:96::/112' };

/** Every overlay, in every combination of families that it carries. */
export const podNetworks: readonly PodNetworkCase[] = [
  { name: 'vxlan, IPv4', options: {}, mtu: 1450 },
  { name: 'vxlan, dual-stack', options: dual, mtu: 1430 },
  { name: 'vxlan, IPv6', options: ipv6, mtu: 1430 },
  { name: 'vxlan with direct routing, dual-stack', options: { ...dual, directRouting: true }, mtu: 1430 },
  { name: 'host-gw, dual-stack', options: { ...dual, overlay: 'host-gw' }, mtu: 1500 },
  { name: 'host-gw, IPv6', options: { ...ipv6, overlay: 'host-gw' }, mtu: 1500 },
  { name: 'udp, IPv4', options: { overlay: 'udp' }, mtu: 1472 },
];
