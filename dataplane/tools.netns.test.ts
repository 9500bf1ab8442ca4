import { afterAll, beforeAll, expect, test } from 'vitest';
import { resources } from '../api/scheme.ts';
import { proxyConfiguration } from './configuration.ts';
import { removeAllModes } from './leftovers.ts';
import { startDataplane } from './main.ts';
import { createMemoryApi } from './testing/client.ts';
import { node as nodeObject, service, slice } from './testing/objects.ts';
import { nodeIp, startTestNode, type TestNode } from './testing/sandbox.ts';

let lab: TestNode;
beforeAll(async () => {
  lab = await startTestNode();
  await lab.serve('pod1', 'pod1', [9376]);
});
afterAll(() => lab[Symbol.asyncDispose]());

const saved = async (tools: 'nft' | 'legacy') => (await lab.kernel.run(`iptables-${tools}-save`, [])).stdout;

async function run(log: string[] = []) {
  const api = createMemoryApi();
  api.put(resources.nodes, nodeObject('worker', [nodeIp]));
  const ports = [{ name: 'p80', port: 80 }];
  api.put(resources.services, service('ns/web', { clusterIP: '10.96.0.10', ports }));
  api.put(resources.endpointslices, slice('ns/web', ['10.244.1.5'], { port: 9376 }));
  const stop = new AbortController();
  await startDataplane(
    {
      client: api.client,
      kernel: lab.kernel,
      nodeName: 'worker',
      mode: 'iptables',
      configuration: { clusterCIDR: '10.244.0.0/16', conntrack: { maxPerCore: 0 } },
      log: (line) => log.push(line),
    },
    { signal: stop.signal },
  );
  stop.abort();
}

const mayReadTables = process.getuid?.() === 0;
if (!mayReadTables)
  process.stdout.write('skipped: which legacy tables there are can be read only in labs that root started\n');

test.runIf(mayReadTables)(
  'the proxy follows the kubelet from the nft tools to the legacy ones, and leaves nothing behind',
  async () => {
    await run();
    expect(await saved('nft')).toContain('KUBE-SVC-');
    expect(await saved('legacy')).toBe('');
    await lab.kernel.run('iptables-legacy', ['-t', 'mangle', '-N', 'KUBE-IPTABLES-HINT']);
    const log: string[] = [];
    await run(log);
    expect(log).toEqual([
      expect.stringMatching(/rules of both kinds are in force, \d+ of nft and 0 of legacy/),
    ]);
    expect(await saved('legacy')).toContain('KUBE-SVC-');
    expect(await saved('nft')).not.toMatch(/KUBE-(SVC|SEP|SERVICES|POSTROUTING)/);
    expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod1 10.244.1.9': 1 });
  },
);

test('a clean-up takes out the rules of every mode and tool set, and of nobody else', async () => {
  await run();
  await lab.kernel.run('iptables', ['-t', 'nat', '-N', 'SOMEBODY-ELSE']);
  const complaints: unknown[] = [];
  await removeAllModes({
    kernel: lab.kernel,
    configuration: proxyConfiguration(),
    complain: (what) => (error) => complaints.push(what, error),
  });
  expect(complaints).toEqual([]);
  const rest = `${await saved('nft')}${mayReadTables ? await saved('legacy') : ''}`;
  expect(rest).not.toMatch(/^:KUBE-(?!FIREWALL|IPTABLES-HINT)/m);
  expect(rest).toContain('SOMEBODY-ELSE');
  expect((await lab.kernel.run('nft', ['list', 'tables'])).stdout).not.toContain('kube-proxy');
});
