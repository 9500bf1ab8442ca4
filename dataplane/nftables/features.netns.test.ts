import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Family } from '../../api/address.ts';
import { proxyConfiguration } from '../configuration.ts';
import type { Dataplane } from '../dataplane.ts';
import { createModel, type Model } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { silence } from '../testing/flowcheck.ts';
import { service, slice } from '../testing/objects.ts';
import { nodeIp, startTestNode, type TestNode } from '../testing/sandbox.ts';
import { createNftablesDataplane } from './dataplane.ts';

let node: TestNode;
const vip = '198.51.100.1';
beforeAll(async () => {
  node = await startTestNode();
  await Promise.all(['pod1', 'pod2', 'pod3'].map((pod) => node.serve(pod, pod, [9376])));
  await node.inside('outside').run('ip', ['route', 'add', vip, 'via', nodeIp]);
});
afterAll(() => node[Symbol.asyncDispose]());

const ports = [{ name: 'p80', port: 80, nodePort: 30080 }];
const balanced = { type: 'LoadBalancer', clusterIP: '10.96.0.10', ports };
const pods = ['10.244.1.5', '10.244.1.6', '10.244.1.7'];
const refused = { ECONNREFUSED: 1 };
const silent = { ETIMEDOUT: 1 };
const unanswered = (from: string, address: string, port: number) =>
  node.agent.connect({ from, address, port, timeout: silence });

describe.each(['upstream', 'flat'] as const)('layout %s', (layout) => {
  let model: Model;
  let dataplane: Dataplane;
  const create = (family: Family, as: string = layout) =>
    createNftablesDataplane({
      kernel: node.kernel,
      family,
      configuration: proxyConfiguration({
        mode: 'nftables',
        clusterCIDR: '10.244.0.0/16,fd00:244::/32',
        nftables: { layout: as },
      }),
    });
  const sync = () =>
    dataplane.sync({
      rows: model.rows(),
      node: {
        ...nodeFacts('worker', undefined, { ips: [nodeIp] }),
        serviceCIDRs: ['10.96.0.0/16', 'fd00:96::/112'],
      },
    });
  const setService = (spec: Parameters<typeof service>[1]) =>
    model.setService('ns/web', service('ns/web', spec, { loadBalancer: [vip] }));
  const setEndpoints = (endpoints: Parameters<typeof slice>[1], options = {}) =>
    model.setSlice('ns/web-a', slice('ns/web', endpoints, { port: 9376, ...options }));
  beforeEach(async () => {
    await dataplane?.cleanup();
    model = createModel('IPv4', 'worker');
    dataplane = create('IPv4');
    setService(balanced);
    setEndpoints(['10.244.1.6']);
  });

  test('a load balancer address answers outside, masqueraded', async () => {
    await sync();
    expect(await node.connect('outside', vip, 80)).toEqual({ 'pod2 10.244.1.1': 1 });
  });

  test('source ranges of any length let in whom they name, at load balancer addresses only', async () => {
    setService({
      ...balanced,
      loadBalancerSourceRanges: ['203.0.113.0/24', '172.18.255.254/32', '10.244.0.0/17', '10.244.0.0/16'],
    });
    await sync();
    expect(await dataplane.verify()).toBeUndefined();
    expect(await node.connect('outside', vip, 80)).toEqual({ 'pod2 10.244.1.1': 1 });
    expect(await node.connect('client', vip, 80)).toEqual({ 'pod2 10.244.1.1': 1 });
    setService({ ...balanced, loadBalancerSourceRanges: ['203.0.113.0/24', '172.18.255.0/25'] });
    await sync();
    expect(await unanswered('outside', vip, 80)).toEqual(silent);
    expect(await node.connect('outside', nodeIp, 30080)).toEqual({ 'pod2 10.244.1.1': 1 });
  });

  test('policy Local without a local endpoint: outside is dropped, pods and the node are served', async () => {
    setService({ ...balanced, externalTrafficPolicy: 'Local' });
    setEndpoints([{ ip: '10.244.1.6', node: 'other' }]);
    await sync();
    expect(await unanswered('outside', vip, 80)).toEqual(silent);
    expect(await node.connect('client', vip, 80)).toEqual({ 'pod2 10.244.1.9': 1 });
    expect(await node.connect('client', nodeIp, 30080)).toEqual({ 'pod2 10.244.1.9': 1 });
    expect(await node.connect(undefined, nodeIp, 30080)).toEqual({ 'pod2 10.244.1.1': 1 });
  });

  test('policy Local: outside gets the local endpoint, pods get all', async () => {
    setService({ ...balanced, externalTrafficPolicy: 'Local' });
    setEndpoints([{ ip: '10.244.1.5', node: 'worker' }, '10.244.1.6', '10.244.1.7']);
    await sync();
    expect(await node.connect('outside', vip, 80, 8)).toEqual({ 'pod1 172.18.255.254': 8 });
    expect(Object.keys(await node.connect('client', vip, 80, 60)).sort()).toEqual(
      ['pod1', 'pod2', 'pod3'].map((pod) => `${pod} 10.244.1.9`),
    );
  });

  test('internal policy Local without a local endpoint drops', async () => {
    setService({ ...balanced, internalTrafficPolicy: 'Local' });
    setEndpoints([{ ip: '10.244.1.6', node: 'other' }]);
    await sync();
    expect(await unanswered('client', '10.96.0.10', 80)).toEqual(silent);
    expect(await node.connect('outside', vip, 80)).toEqual({ 'pod2 10.244.1.1': 1 });
  });

  test('other ports of a ClusterIP are refused, addresses of nobody are dropped', async () => {
    await sync();
    expect(await node.connect('client', '10.96.0.10', 81)).toEqual(refused);
    expect(await node.connect(undefined, '10.96.0.10', 81)).toEqual(refused);
    expect(await unanswered('client', '10.96.0.77', 80)).toEqual(silent);
  });

  test('a client with affinity stays where it is while others come and go, and leaves a gone endpoint', async () => {
    setService({ ...balanced, sessionAffinity: 'ClientIP' });
    setEndpoints(pods);
    await sync();
    const [first = ''] = Object.keys(await node.connect('client', '10.96.0.10', 80, 8));
    const home = pods[Number(first[3]) - 1] ?? '';
    const others = pods.filter((pod) => pod !== home);
    for (const endpoints of [[home], [home, ...others], [home, others[0] ?? '']]) {
      setEndpoints(endpoints);
      await sync();
      expect(await node.connect('client', '10.96.0.10', 80, 8)).toEqual({ [first]: 8 });
    }
    setEndpoints(others);
    await sync();
    const after = await node.connect('client', '10.96.0.10', 80, 8);
    expect(Object.values(after)).toEqual([8]);
    expect(Object.keys(after)).not.toEqual([first]);
    expect(await dataplane.verify()).toBeUndefined();
  });

  test('affinity holds at a node port', async () => {
    setService({ ...balanced, sessionAffinity: 'ClientIP', externalTrafficPolicy: 'Local' });
    setEndpoints(pods.map((ip) => ({ ip, node: 'worker' })));
    await sync();
    expect(Object.values(await node.connect('outside', nodeIp, 30080, 12))).toEqual([12]);
  });

  test('UDP and TCP of one port are kept apart', async () => {
    const both = [...ports, { name: 'dns', port: 80, protocol: 'UDP' }];
    setService({ ...balanced, ports: both });
    model.setSlice(
      'ns/web-u',
      slice('ns/web', ['10.244.1.7'], { port: 9376, portName: 'dns', protocol: 'UDP', suffix: 'u' }),
    );
    await sync();
    expect(await node.datagram('client', '10.96.0.10', 80)).toBe('pod3 10.244.1.9');
    expect(await node.connect('client', '10.96.0.10', 80)).toEqual({ 'pod2 10.244.1.9': 1 });
  });

  test('a table that somebody deletes, or a chain that somebody empties, is noticed and repaired', async () => {
    await sync();
    await node.kernel.run('nft', ['delete', 'table', 'ip', 'kube-proxy']);
    expect(await dataplane.verify()).toBe('the table was flushed');
    await sync();
    expect(await node.connect('client', '10.96.0.10', 80)).toEqual({ 'pod2 10.244.1.9': 1 });
    await node.kernel.run('nft', ['flush', 'chain', 'ip', 'kube-proxy', 'services']);
    await node.kernel.run('nft', ['flush', 'map', 'ip', 'kube-proxy', 'service-ips']);
    expect(await dataplane.verify()).toMatch(
      /^missing: element of service-ips: .*; changed: chain services$/,
    );
    await sync();
    expect(await dataplane.verify()).toBeUndefined();
    expect(await node.connect('client', '10.96.0.10', 80)).toEqual({ 'pod2 10.244.1.9': 1 });
  });

  test('the other layout takes over in one transaction', async () => {
    await sync();
    dataplane = create('IPv4', layout === 'flat' ? 'upstream' : 'flat');
    node.commands.length = 0;
    await sync();
    expect(node.commands.filter(({ input }) => input !== undefined)).toHaveLength(1);
    expect(await node.connect('client', '10.96.0.10', 80)).toEqual({ 'pod2 10.244.1.9': 1 });
    expect(await dataplane.verify()).toBeUndefined();
  });

  test('IPv6: a ClusterIP, a hairpin, affinity', async () => {
    await dataplane.cleanup();
    dataplane = create('IPv6');
    model = createModel('IPv6', 'worker');
    const six = { clusterIPs: ['fd00:96::a'], ports: [{ name: 'p80', port: 80 }] };
    model.setService('ns/web', service('ns/web', six));
    setEndpoints(['fd00:244:1::5', 'fd00:244:1::6', 'fd00:244:1::7'], { addressType: 'IPv6' });
    await sync();
    expect(Object.keys(await node.connect('client', 'fd00:96::a', 80, 60)).sort()).toEqual(
      ['pod1', 'pod2', 'pod3'].map((pod) => `${pod} fd00:244:1::9`),
    );
    model.setService('ns/web', service('ns/web', { ...six, sessionAffinity: 'ClientIP' }));
    await sync();
    expect(Object.values(await node.connect('client', 'fd00:96::a', 80, 12))).toEqual([12]);
    setEndpoints(['fd00:244:1::5'], { addressType: 'IPv6' });
    await sync();
    expect(await node.connect('pod1', 'fd00:96::a', 80)).toEqual({ 'pod1 fd00:244:1::1': 1 });
    expect(await dataplane.verify()).toBeUndefined();
  });
});
