import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { CoreEvent, Pod } from '../api/types.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';
import { cniPlugins } from './testing/cni-plugins.ts';

const plugins = await cniPlugins();

/** As kube-flannel's cni-conf.json, which needs no plugin `flannel` here, with one more. */
const conflist = {
  cniVersion: '1.0.0',
  name: 'cbr0',
  plugins: [
    { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
    { type: 'portmap', capabilities: { portMappings: true } },
    { type: 'tuning', sysctl: { 'net.core.somaxconn': '777' } },
  ],
};

describe.skipIf(!plugins)("Debian's CNI plugins", () => {
  let cluster: Cluster;
  let folder = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cni-test-'));
    writeFileSync(join(folder, '10-flannel.conflist'), JSON.stringify(conflist));
    cluster = await startCluster({
      name: 'cni',
      clusterDns: 'none',
      podCidr: '10.244.0.0/16,fd00:10:244::/56',
      serviceCidr: '10.96.0.0/16,fd00:10:96::/112',
      cniConfig: folder,
      cniBin: plugins ?? '',
    });
    await cluster.apply([pod('near', 'control-plane'), pod('far', 'worker')]);
    await cluster.waitFor('pods', 'Ready');
  });

  afterAll(async () => {
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const inWorker = async (line: string) => (await cluster.node('worker').exec(['sh', '-c', line])).stdout;

  it("give pods the addresses of their node, the overlay's mtu, and what a chained plugin does", async () => {
    const { status } = await cluster.client.get(resources.pods, { name: 'far', namespace: 'default' });
    expect(status?.podIPs).toEqual([{ ip: '10.244.1.2' }, { ip: 'fd00:10:244:1::2' }]);
    const { stdout } = await cluster
      .pod('far')
      .exec(['sh', '-c', 'cat /sys/class/net/eth0/mtu /proc/sys/net/core/somaxconn']);
    expect(stdout).toBe('1430\n777\n');
    expect(await inWorker('bridge -d link')).toContain('hairpin on');
  });

  it('pods of two nodes reach each other, in both families', async () => {
    for (const ip of ['10.244.1.2', 'fd00:10:244:1::2']) {
      const patient = `for i in $(seq 100); do ping -c1 -W1 ${ip} && exit; sleep 0.05; done; exit 1`;
      await cluster.pod('near').exec(['sh', '-c', patient]);
    }
  });

  it('portmap leads a port of the node to the pod', async () => {
    for (const [from, address] of [
      ['outside', '172.18.0.3'],
      ['control-plane', '172.18.0.3'],
      ['worker', '127.0.0.1'],
    ] as const) {
      const { stdout } = await cluster.node(from).exec(['curl', '-s', '--max-time', '5', `${address}:8080`]);
      expect(stdout.trim()).toBe('far');
    }
  });

  it('leave nothing of a pod that is gone', async () => {
    await cluster.client.delete(resources.pods, { name: 'far', namespace: 'default' });
    // The object goes at once, without a grace period; what the pod had goes then.
    await inWorker(
      'for i in $(seq 200); do [ -z "$(ls /run/v9s/nodes/worker/cni)" ] && ! ip -br link | grep -q ^veth && exit; sleep 0.05; done; exit 1',
    );
    expect(await inWorker('iptables-save -t nat')).not.toContain('10.244.1.2');
    expect(await inWorker('ls /run/v9s/nodes/worker/networks/cbr0 /run/v9s/nodes/worker/cni')).not.toMatch(
      /10\.244|fd00|\.json/,
    );
  });

  it('say in an event what they cannot do', async () => {
    const refused = pod('refused', 'worker');
    refused.metadata = { ...refused.metadata, annotations: { 'kubernetes.io/ingress-bandwidth': 'much' } };
    await cluster.apply([refused]);
    const [event] = await cluster.waitFor<CoreEvent>('events', (events) => events.some(isRefusal));
    expect(event).toBeDefined();
  });
});

const isRefusal = ({ reason, message = '' }: CoreEvent) =>
  reason === 'FailedCreatePodSandBox' && message.includes('bandwidth "much" is not a quantity');

const pod = (name: string, nodeName: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'c',
        image: 'registry.k8s.io/serve_hostname',
        ports: [{ containerPort: 9376, ...(name === 'far' ? { hostPort: 8080 } : {}) }],
      },
    ],
  },
});
