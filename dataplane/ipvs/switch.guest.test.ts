import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resources } from '../../api/scheme.ts';
import { probeFeatures } from '../../kernel/features.ts';
import type { ProxyMode } from '../configuration.ts';
import { startDataplane } from '../main.ts';
import { createMemoryApi } from '../testing/client.ts';
import { node as nodeObject, service, slice } from '../testing/objects.ts';
import { externalIP } from '../testing/places.ts';
import { nodeIp, startTestNode, type TestNode } from '../testing/sandbox.ts';

// User-mode Linux has no nf_tables; Debian's kernel under QEMU has.
const { missing } = await probeFeatures();
const way: readonly ProxyMode[] = missing.nf_tables
  ? ['ipvs', 'iptables', 'ipvs']
  : ['ipvs', 'nftables', 'ipvs', 'iptables', 'ipvs'];

/** Not a node port: this process is not in the node's namespace, and so does not see its addresses. */
const external = externalIP(1, 'IPv4');
const doors = [
  { from: 'client', address: '10.96.0.10', port: 80 },
  { from: undefined, address: '10.96.0.10', port: 80 },
  { from: 'outside', address: external, port: 80 },
];

let lab: TestNode;
beforeAll(async () => {
  lab = await startTestNode();
  await Promise.all(['pod1', 'pod2'].map((pod) => lab.serve(pod, pod, [9376])));
});
afterAll(() => lab[Symbol.asyncDispose]());

test(`${way.join(' → ')} under load: no connection fails, and those that stand go on`, async () => {
  const api = createMemoryApi();
  const spec = { clusterIP: '10.96.0.10', externalIPs: [external], ports: [{ name: 'p80', port: 80 }] };
  api.put(resources.nodes, nodeObject('worker', [nodeIp]));
  api.put(resources.services, service('ns/web', spec));
  api.put(resources.endpointslices, slice('ns/web', ['10.244.1.5', '10.244.1.6'], { port: 9376 }));

  const log: string[] = [];
  let running: AbortController | undefined;
  const change = async (mode: ProxyMode) => {
    // Its rules stay.
    running?.abort();
    running = new AbortController();
    await startDataplane(
      {
        client: api.client,
        kernel: lab.kernel,
        nodeName: 'worker',
        nodeIps: [nodeIp],
        mode,
        configuration: { clusterCIDR: '10.244.0.0/16' },
        log: (line) => log.push(`${mode}: ${line}`),
      },
      { signal: running.signal },
    );
  };

  await change(way[0] ?? 'ipvs');
  let over = false;
  const loads = doors.map(async (door) => {
    const seen: Record<string, number> = {};
    while (!over) {
      for (const [outcome, count] of Object.entries(await lab.agent.connect(door, 10)))
        seen[outcome] = (seen[outcome] ?? 0) + count;
      // The proxy needs the processor, too.
      await delay(20);
    }
    return seen;
  });
  const held = await Promise.all(doors.map((door) => lab.agent.open(door)));
  try {
    for (const mode of way.slice(1)) {
      await change(mode);
      held.push(...(await Promise.all(doors.map((door) => lab.agent.open(door)))));
      expect(await Promise.all(held.map((one) => one.talk()))).toEqual(held.map(({ outcome }) => outcome));
    }
  } finally {
    over = true;
  }
  const counts = await Promise.all(loads);
  for (const seen of counts) {
    expect(Object.keys(seen).filter((outcome) => !/^pod[12] /.test(outcome))).toEqual([]);
    expect(Object.values(seen).reduce((a, b) => a + b, 0)).toBeGreaterThan(20);
  }
  expect(log.filter((line) => /sync:|leftovers/.test(line))).toEqual([]);
  await Promise.all(held.map((one) => one.close()));
  running?.abort();
});
