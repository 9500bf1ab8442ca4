import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Family } from '../../api/address.ts';
import type { Kernel } from '../../kernel/run.ts';
import type { Dataplane, ProxyState } from '../dataplane.ts';
import { createModel, type Model } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { service, slice } from './objects.ts';
import { nodeIp, startTestNode, type TestNode } from './sandbox.ts';

/** What every way into the kernel must do, with real packets. The cluster CIDR given to `create` is 10.244.0.0/16. */
export function describeDataplane(
  name: string,
  create: (options: { kernel: Kernel; family: Family }) => Dataplane,
  { localhostNodePorts = true, withoutLocalEndpoint = 'drop' as 'drop' | 'others' } = {},
): void {
  describe(`dataplane ${name}`, () => {
    let node: TestNode;
    let model: Model;
    let dataplane: Dataplane;
    const state = (): ProxyState => ({
      rows: model.rows(),
      node: nodeFacts('worker', undefined, { ips: [nodeIp] }),
    });
    const sync = () => dataplane.sync(state());
    const everyone = ['10.244.1.5', '10.244.1.6', '10.244.1.7'];
    const ports = [{ name: 'p80', port: 80, nodePort: 30080 }];
    const web = { type: 'NodePort', clusterIP: '10.96.0.10', ports };
    const setService = (spec: Parameters<typeof service>[1]) =>
      model.setService('ns/web', service('ns/web', spec));
    const setEndpoints = (endpoints: Parameters<typeof slice>[1], options = {}) =>
      model.setSlice('ns/web-a', slice('ns/web', endpoints, { port: 9376, ...options }));

    beforeAll(async () => {
      node = await startTestNode();
      await Promise.all(['pod1', 'pod2', 'pod3'].map((pod) => node.serve(pod, pod, [9376])));
    });
    afterAll(() => node[Symbol.asyncDispose]());
    beforeEach(async () => {
      await dataplane?.cleanup();
      model = createModel('IPv4', 'worker');
      dataplane = create({ kernel: node.kernel, family: 'IPv4' });
      setService(web);
      setEndpoints(everyone);
    });

    test('three endpoints share the connections to a ClusterIP evenly', async () => {
      await sync();
      const times = 600;
      const counts = await node.connect('client', '10.96.0.10', 80, times);
      const seen = ['pod1', 'pod2', 'pod3'].map((pod) => counts[`${pod} 10.244.1.9`] ?? 0);
      expect(seen.reduce((a, b) => a + b)).toBe(times);
      // Chi-square with two degrees of freedom: above 23.0 in one of 100,000 runs of a fair draw.
      const chiSquare = seen.reduce((sum, count) => sum + (count - times / 3) ** 2 / (times / 3), 0);
      expect(chiSquare).toBeLessThan(23);
    });

    test('the node itself reaches a ClusterIP', async () => {
      await sync();
      const answers = Object.keys(await node.connect(undefined, '10.96.0.10', 80, 3));
      expect(
        answers.every((answer) => /^pod\d 10\.244\.1\.1$/.test(answer)),
        answers.join(),
      ).toBe(true);
    });

    test('a pod that reaches itself through its Service sees the node as its client', async () => {
      setEndpoints([{ ip: '10.244.1.5', node: 'worker' }]);
      await sync();
      expect(await node.connect('pod1', '10.96.0.10', 80)).toEqual({ 'pod1 10.244.1.1': 1 });
    });

    test('a node port answers outside, masqueraded, and on the node and its loopback', async () => {
      setEndpoints(['10.244.1.6']);
      await node.kernel.run('sysctl', ['-qw', 'net.ipv4.conf.all.route_localnet=1']);
      await sync();
      expect(await node.connect('outside', nodeIp, 30080)).toEqual({ 'pod2 10.244.1.1': 1 });
      expect(await node.connect(undefined, nodeIp, 30080)).toEqual({ 'pod2 10.244.1.1': 1 });
      expect(await node.connect(undefined, '127.0.0.1', 30080)).toEqual(
        localhostNodePorts ? { 'pod2 10.244.1.1': 1 } : { ECONNREFUSED: 1 },
      );
    });

    test('externalTrafficPolicy Local keeps the client address, and without a local endpoint does what the mode does', async () => {
      setService({ ...web, externalTrafficPolicy: 'Local' });
      setEndpoints([{ ip: '10.244.1.6', node: 'worker' }, '10.244.1.7']);
      await sync();
      expect(await node.connect('outside', nodeIp, 30080, 5)).toEqual({ 'pod2 172.18.255.254': 5 });
      setEndpoints([{ ip: '10.244.1.6', node: 'other' }]);
      await sync();
      const answer = withoutLocalEndpoint === 'drop' ? 'ETIMEDOUT' : 'pod2 172.18.255.254';
      expect(await node.connect('outside', nodeIp, 30080)).toEqual({ [answer]: 1 });
    });

    test('session affinity keeps a client at one endpoint', async () => {
      setService({ ...web, sessionAffinity: 'ClientIP' });
      await sync();
      const counts = await node.connect('client', '10.96.0.10', 80, 20);
      expect(Object.values(counts)).toEqual([20]);
    });

    test('a Service without endpoints refuses at once, from pods, the node and outside', async () => {
      setEndpoints([]);
      await sync();
      expect(await node.connect('client', '10.96.0.10', 80)).toEqual({ ECONNREFUSED: 1 });
      expect(await node.connect(undefined, '10.96.0.10', 80)).toEqual({ ECONNREFUSED: 1 });
      expect(await node.connect('outside', nodeIp, 30080)).toEqual({ ECONNREFUSED: 1 });
    });

    test('a changed endpoint takes effect, and the old one is used no more', async () => {
      setEndpoints(['10.244.1.5']);
      await sync();
      expect(await node.connect('client', '10.96.0.10', 80, 3)).toEqual({ 'pod1 10.244.1.9': 3 });
      setEndpoints(['10.244.1.7']);
      await sync();
      expect(await node.connect('client', '10.96.0.10', 80, 3)).toEqual({ 'pod3 10.244.1.9': 3 });
    });

    test('the same state again writes nothing', async () => {
      await sync();
      node.commands.length = 0;
      expect((await sync()).text).toBe('');
      expect(node.commands).toEqual([]);
    });

    test('a new process adopts what stands and writes nothing', async () => {
      await sync();
      dataplane = create({ kernel: node.kernel, family: 'IPv4' });
      await dataplane.adopt();
      expect((await sync()).text).toBe('');
    });

    test('what was deleted while nobody looked goes at the next start', async () => {
      await sync();
      model.setService('ns/web', undefined);
      dataplane = create({ kernel: node.kernel, family: 'IPv4' });
      expect((await sync()).deleted).toBeGreaterThan(0);
      expect(await dataplane.verify()).toBeUndefined();
    });

    test('verify says nothing as long as nobody interferes', async () => {
      await sync();
      expect(await dataplane.verify()).toBeUndefined();
    });

    test('cleanup leaves nothing that forwards', async () => {
      await sync();
      await dataplane.cleanup();
      const counts = await node.connect('client', '10.96.0.10', 80);
      expect(Object.keys(counts)[0]).toMatch(/^E(TIMEDOUT|HOSTUNREACH|NETUNREACH)$/);
    });
  });
}
