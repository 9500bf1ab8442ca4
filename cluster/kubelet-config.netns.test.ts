import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { Node, Pod } from '../api/types.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

let folder = '';
let cluster: Cluster;

/** The file of article 003, and a few fields more. */
const configuration = (manifests: string) => `
kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
address: 192.168.186.141
port: 10250
readOnlyPort: 10255
cgroupDriver: cgroupfs
clusterDNS:
- 10.0.0.2
clusterDomain: cluster.local.
failSwapOn: false
authentication:
  anonymous:
    enabled: true
maxPods: 30
podPidsLimit: 50
healthzPort: 10248
staticPodPath: ${manifests}
`;

const pod = (name: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    containers: [{ name: 'main', image: 'busybox', command: ['sleep', '3600'] }],
    terminationGracePeriodSeconds: 0,
  },
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-kubelet-'));
  const kubeletConfig = join(folder, 'kubelet.config');
  writeFileSync(kubeletConfig, configuration(folder));
  writeFileSync(join(folder, 'static.json'), JSON.stringify(pod('static')));
  cluster = await startCluster({ nodes: 1, serviceCidr: '10.0.0.0/24', kubeletConfig });
});
afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('gives pods the resolver of the file, dot and all, and the Service its address', async () => {
  await cluster.apply([pod('asking')]);
  await cluster.waitFor<Pod>('pods/asking', 'Ready');
  const { stdout } = await cluster.pod('asking').exec(['cat', '/etc/resolv.conf']);
  expect(stdout).toBe(
    'search default.svc.cluster.local. svc.cluster.local. cluster.local.\nnameserver 10.0.0.2\noptions ndots:5\n',
  );
  const service = await cluster.client.get(resources.services, {
    name: 'kube-dns',
    namespace: 'kube-system',
  });
  expect(service.spec?.clusterIP).toBe('10.0.0.2');
  // Cluster DNS is a pod too, and may be younger.
  const patient = 'for i in $(seq 100); do nslookup kubernetes.default && exit; sleep 0.05; done; exit 1';
  const limit = await cluster.pod('asking').exec(['cat', '/proc/sys/kernel/pid_max']);
  // Linux keeps 300 ids for those that live long.
  expect(limit.stdout).toBe('350\n');
  const answer = await cluster.pod('asking').exec(['sh', '-c', patient]);
  expect(answer.stdout).toContain('10.0.0.1');
});

it('limits pods, takes static ones from its folder, answers for its health', async () => {
  await cluster.waitFor<Pod>('pods/static-control-plane', 'Ready');
  const node: Node = await cluster.client.get(resources.nodes, { name: 'control-plane' });
  expect(node.status?.capacity?.pods).toBe('30');
  const { exec } = cluster.node('control-plane');
  expect((await exec(['curl', '-s', 'http://127.0.0.1:10248/healthz'])).stdout).toBe('ok');
  // Nobody in particular may ask, and is told that they may not.
  const { stdout } = await exec(['curl', '-sk', 'https://127.0.0.1:10250/pods']);
  expect(stdout).toBe(
    'Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource(s)=[pods proxy])',
  );
});

it('refuses a field that does not exist before anything is built', async () => {
  const kubeletConfig = join(folder, 'wrong.config');
  writeFileSync(kubeletConfig, configuration(folder).replace('maxPods', 'mostPods'));
  await expect(startCluster({ kubeletConfig })).rejects.toThrow(
    `${kubeletConfig}:15: strict decoding error: unknown field "mostPods"`,
  );
});
