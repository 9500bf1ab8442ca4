import { expect, it } from 'vitest';
import type { KubeObject } from '../api/object.ts';
import { resources } from '../api/scheme.ts';
import type { Pod, Service } from '../api/types.ts';
import { startCluster } from './cluster.ts';

const annotation = 'vethernetes.io/announced-by';
const excluded = 'node.kubernetes.io/exclude-from-external-load-balancers';

const objects: KubeObject[] = [
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: {
      nodeName: 'control-plane',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'web', image: 'k8s.gcr.io/serve_hostname' }],
    },
  } as Pod,
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: {
      type: 'LoadBalancer',
      ipFamilyPolicy: 'RequireDualStack',
      selector: { app: 'web' },
      ports: [{ port: 80, targetPort: 9376 }],
    },
  } as Service,
];

it('addresses of both families are announced, and everybody is told when another node takes them over', async () => {
  await using cluster = await startCluster({
    name: 'load-balancer',
    nodes: 3,
    clusterDns: 'none',
    podCidr: '10.244.0.0/16,fd00:10:244::/56',
    serviceCidr: '10.96.0.0/16,fd00:10:96::/112',
  });
  await cluster.apply(objects);
  const outside = async (line: string) => (await cluster.node('outside').exec(['sh', '-c', line])).stdout;
  const macOf = async (node: string) => {
    const { stdout } = await cluster.node(node).exec(['ip', 'link', 'show', 'eth0']);
    return /link\/ether (\S+)/.exec(stdout)?.[1] ?? 'none';
  };
  const announced = (by: (node: string) => boolean) =>
    cluster.waitFor<Service>('services/web', ([service]) =>
      by(service?.metadata?.annotations?.[annotation] ?? ''),
    );
  const [service] = await announced((node) => node !== '');
  const addresses = (service?.status?.loadBalancer?.ingress ?? []).map(({ ip = '' }) => ip);
  expect(addresses).toEqual([
    expect.stringMatching(/^172\.18\.250\.\d+$/),
    expect.stringMatching(/^fd00:172:18:0:250::/),
  ]);
  const first = service?.metadata?.annotations?.[annotation] ?? '';
  for (const ip of addresses) {
    const url = `http://${ip.includes(':') ? `[${ip}]` : ip}`;
    const patient = `for i in $(seq 100); do curl -gsf --max-time 1 ${url} && exit; sleep 0.1; done; exit 1`;
    expect((await outside(patient)).trim()).toBe('web');
    expect(await outside(`ip neighbour show ${ip}`)).toContain(`lladdr ${await macOf(first)}`);
  }

  await cluster.client.patch(resources.nodes, { name: first }, 'merge', {
    metadata: { labels: { [excluded]: '' } },
  });
  const [moved] = await announced((node) => node !== '' && node !== first);
  const second = moved?.metadata?.annotations?.[annotation] ?? '';
  const mac = await macOf(second);
  for (const ip of addresses) {
    // Nothing is sent to the address meanwhile: only what the new node says by itself can change the entry.
    const told = `for i in $(seq 100); do ip neighbour show ${ip} | grep ${mac} && exit; sleep 0.1; done; exit 1`;
    expect(await outside(told)).toContain(mac);
  }
});
