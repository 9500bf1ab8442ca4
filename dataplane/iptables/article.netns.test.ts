import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { proxyConfiguration } from '../configuration.ts';
import type { Dataplane } from '../dataplane.ts';
import { createModel, type Model } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { service, slice } from '../testing/objects.ts';
import { nodeIp, startTestNode, type TestNode } from '../testing/sandbox.ts';
import { createIptablesDataplane } from './dataplane.ts';

/** The rules of the articles' release with real packets; what differs from today's is in article.test.ts. */
const configuration = proxyConfiguration({ clusterCIDR: '10.244.0.0/16' });
let lab: TestNode;
let model: Model;
let dataplane: Dataplane;
const sync = () =>
  dataplane.sync({ rows: model.rows(), node: nodeFacts('worker', undefined, { ips: [nodeIp] }) });

beforeAll(async () => {
  lab = await startTestNode();
  await Promise.all(['pod1', 'pod2'].map((pod) => lab.serve(pod, pod, [9376])));
});
afterAll(() => lab[Symbol.asyncDispose]());
beforeEach(async () => {
  await dataplane?.cleanup();
  model = createModel('IPv4', 'worker');
  dataplane = createIptablesDataplane({
    kernel: lab.kernel,
    family: 'IPv4',
    configuration,
    emulatedVersion: '1.12',
  });
  expose();
});

function expose(spec = {}): void {
  const ports = [{ name: '', port: 80, nodePort: 30080 }];
  const common = { type: 'NodePort', clusterIP: '10.96.0.10', externalIPs: ['192.0.2.10'], ports };
  model.setService('ns/web', service('ns/web', { ...common, ...spec }));
  const endpoints = [{ ip: '10.244.1.5', node: 'worker' }, '10.244.1.6'];
  model.setSlice('ns/web-a', slice('ns/web', endpoints, { port: 9376, portName: '' }));
}

/** Who answered whom, without how often. */
const answers = async (...args: Parameters<TestNode['connect']>) =>
  Object.keys(await lab.connect(...args)).sort();

test('a pod, the node and somebody outside reach both endpoints', async () => {
  await sync();
  expect(await answers('client', '10.96.0.10', 80, 40)).toEqual(['pod1 10.244.1.9', 'pod2 10.244.1.9']);
  expect(await answers(undefined, '10.96.0.10', 80, 40)).toEqual(['pod1 10.244.1.1', 'pod2 10.244.1.1']);
  expect(await answers('outside', nodeIp, 30080, 40)).toEqual(['pod1 10.244.1.1', 'pod2 10.244.1.1']);
  expect(await answers('pod1', '10.96.0.10', 80, 40)).toEqual(['pod1 10.244.1.1', 'pod2 10.244.1.5']);
});

test('externalTrafficPolicy Local keeps the address of the client', async () => {
  expose({ externalTrafficPolicy: 'Local' });
  await sync();
  expect(await answers('outside', nodeIp, 30080, 20)).toEqual(['pod1 172.18.255.254']);
});

test('session affinity keeps a client at one endpoint', async () => {
  expose({ sessionAffinity: 'ClientIP' });
  await sync();
  expect(await answers('client', '10.96.0.10', 80, 20)).toHaveLength(1);
});

test('differences are written, a flush is noticed, and nothing is left in the end', async () => {
  await sync();
  expect(await dataplane.verify()).toBeUndefined();
  expect((await sync()).text).toBe('');
  model.setSlice('ns/web-a', slice('ns/web', ['10.244.1.5'], { port: 9376, portName: '' }));
  expect((await sync()).text.match(/^-[AI] /gm)).toHaveLength(1);
  await lab.kernel.run('iptables', ['-t', 'nat', '-F']);
  await lab.kernel.run('iptables', ['-t', 'nat', '-X']);
  expect(await dataplane.verify()).toBe('the tables were flushed');
  await sync();
  expect(await dataplane.verify()).toBeUndefined();
  await dataplane.cleanup();
  expect((await lab.kernel.run('iptables-save', ['-t', 'nat'])).stdout).not.toContain('KUBE-');
});

test('one release takes over from another, and leaves nothing of it', async () => {
  /** Without the tables that are empty, and without what the tools count. */
  const save = async () => {
    const { stdout } = await lab.kernel.run('iptables-save', []);
    return stdout.replace(/^#.*\n|\[\d+:\d+\]|^\*mangle\n(:[A-Z]+ ACCEPT .*\n)*COMMIT\n/gm, '');
  };
  await sync();
  const articles = await save();
  const release = (emulatedVersion: string) =>
    createIptablesDataplane({ kernel: lab.kernel, family: 'IPv4', configuration, emulatedVersion });
  dataplane = release('1.33');
  await sync();
  expect(await save()).toContain('-j KUBE-PROXY-FIREWALL');
  // Somebody else has found a use for one of its chains.
  await lab.kernel.run('iptables', ['-A', 'INPUT', '-j', 'KUBE-NODEPORTS']);
  dataplane = release('1.12');
  await sync();
  expect((await save()).replace(/^.*KUBE-NODEPORTS.*\n/gm, '')).toBe(
    articles.replace(/^.*KUBE-NODEPORTS.*\n/gm, ''),
  );
  expect(await save()).toContain('-A INPUT -j KUBE-NODEPORTS\n');
  await lab.kernel.run('iptables', ['-D', 'INPUT', '-j', 'KUBE-NODEPORTS']);
});
