import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import { startDataplane } from '../main.ts';
import { createMemoryApi } from '../testing/client.ts';
import { silence } from '../testing/flowcheck.ts';
import { node as nodeObject, service, slice } from '../testing/objects.ts';
import { nodeIp, startTestNode, type TestNode } from '../testing/sandbox.ts';

let lab: TestNode;
beforeAll(async () => {
  lab = await startTestNode();
  await Promise.all(['pod1', 'pod2'].map((pod) => lab.serve(pod, pod, [9376])));
});
afterAll(() => lab[Symbol.asyncDispose]());

const ranges = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name: 'kubernetes' },
  spec: { cidrs: ['10.96.0.0/12'] },
} as KubeObject;

async function start(api: ReturnType<typeof createMemoryApi>, layout: string) {
  const stop = new AbortController();
  const syncs: string[] = [];
  const log: string[] = [];
  const running = await startDataplane(
    {
      client: api.client,
      kernel: lab.kernel,
      nodeName: 'worker',
      mode: 'nftables',
      configuration: { clusterCIDR: '10.244.0.0/16', nftables: { layout } },
      log: (line) => log.push(line),
      onSync: ({ text }) => syncs.push(text),
    },
    { signal: stop.signal },
  );
  return { running, stop, syncs, log };
}

test.each(['upstream', 'flat'])(
  'as a process, layout %s: rules outlive it, a restart writes nothing, damage is repaired',
  async (layout) => {
    const api = createMemoryApi();
    api.put(resources.nodes, nodeObject('worker', [nodeIp]));
    api.put(resources.servicecidrs, ranges);
    const spec = { clusterIP: '10.96.0.10', sessionAffinity: 'ClientIP', ports: [{ name: 'p80', port: 80 }] };
    api.put(resources.services, service('ns/web', spec));
    api.put(resources.endpointslices, slice('ns/web', ['10.244.1.5'], { port: 9376 }));
    const first = await start(api, layout);
    expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod1 10.244.1.9': 1 });
    // Somebody asks for an address of nobody: the range came from the API.
    const nobody = { from: 'client', address: '10.99.0.1', port: 80, timeout: silence };
    expect(await lab.agent.connect(nobody)).toEqual({ ETIMEDOUT: 1 });
    api.put(resources.endpointslices, slice('ns/web', ['10.244.1.6'], { port: 9376 }));
    await vi.waitFor(() => expect(first.syncs).toHaveLength(2), { timeout: 5_000 });
    expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod2 10.244.1.9': 1 });
    first.stop.abort();
    expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod2 10.244.1.9': 1 });

    const second = await start(api, layout);
    expect(second.syncs).toEqual(['']);
    await lab.kernel.run('nft', ['flush', 'ruleset']);
    await second.running.verify();
    expect(second.log.join()).toContain('the table was flushed');
    expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod2 10.244.1.9': 1 });
    second.stop.abort();
    await second.running.cleanup();
    expect((await lab.kernel.run('nft', ['list', 'tables'])).stdout).not.toContain('kube-proxy');
  },
);

test.each(['upstream', 'flat'])(
  'a table that is only half there is made whole at the next start, layout %s',
  async (layout) => {
    const api = createMemoryApi();
    api.put(resources.nodes, nodeObject('worker', [nodeIp]));
    api.put(
      resources.services,
      service('ns/web', { clusterIP: '10.96.0.10', ports: [{ name: 'p80', port: 80 }] }),
    );
    api.put(resources.endpointslices, slice('ns/web', ['10.244.1.5'], { port: 9376 }));
    // As a process leaves it that is killed between two transactions of the first load.
    await lab.kernel.run('nft', ['-f', '-'], {
      input:
        'add table ip kube-proxy\nadd set ip kube-proxy cluster-ips { type ipv4_addr ; }\nadd chain ip kube-proxy services\n',
    });
    const { running, stop } = await start(api, layout);
    expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod1 10.244.1.9': 1 });
    stop.abort();
    await running.cleanup();
  },
);
