import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { proxyConfiguration } from '../configuration.ts';
import { createModel } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { service, slice } from '../testing/objects.ts';
import { nodeIp, startTestNode, type TestNode } from '../testing/sandbox.ts';
import { createIpvsDataplane } from './dataplane.ts';
import { ipvsText } from './render.ts';

const configuration = proxyConfiguration({ clusterCIDR: '10.244.0.0/16' });

describe('IPVS as in kube-proxy 1.12', () => {
  let lab: TestNode;
  const node = nodeFacts('worker', undefined, { ips: [nodeIp] });
  const model = createModel('IPv4', 'worker');
  const state = () => ({ rows: model.rows(), node });
  const run = async (file: string, ...args: string[]) => (await lab.kernel.run(file, args)).stdout;
  const release = (emulatedVersion: string) =>
    createIpvsDataplane({ kernel: lab.kernel, family: 'IPv4', configuration, emulatedVersion });
  const lines = (text: string) =>
    text
      .replaceAll(/ bucketsize .*| \[\d+:\d+\]/g, '')
      .split('\n')
      .filter((line) => line && !/^#|^:(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)|^\*/.test(line))
      .sort();

  beforeAll(async () => {
    lab = await startTestNode();
    await lab.serve('pod1', 'pod1', [9376]);
    for (const [i, protocol] of ['TCP', 'UDP', 'SCTP'].entries()) {
      const name = `ns/${protocol.toLowerCase()}`;
      const spec = {
        type: 'LoadBalancer',
        clusterIP: `10.96.0.1${i}`,
        externalIPs: [`192.0.2.1${i}`],
        externalTrafficPolicy: 'Local',
        loadBalancerSourceRanges: ['203.0.113.0/24'],
        ports: [{ name: 'p80', port: 80, nodePort: 30080 + i, protocol }],
      };
      model.setService(name, service(name, spec, { loadBalancer: [`198.51.100.1${i}`] }));
      model.setSlice(`${name}-a`, slice(name, ['10.244.1.5'], { port: 9376, protocol }));
    }
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  test('the kernel has what is rendered, and traffic flows', async () => {
    const dataplane = release('1.12');
    await dataplane.sync(state());
    const rows = [...model.rows().values()];
    const inputs = { rows, node, family: 'IPv4', configuration, emulatedVersion: '1.12' } as const;
    const tables = await Promise.all(['filter', 'nat'].map((table) => run('iptables-save', '-t', table)));
    const printed = [await run('ipset', 'save'), ...tables, await run('ipvsadm', '-Sn')].join('');
    expect(lines(printed)).toEqual(lines(ipvsText(inputs)));
    expect(await dataplane.verify()).toBeUndefined();
    expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod1 10.244.1.9': 1 });
  });

  // Half a minute: not for every change.
  if (process.env.V9S_SOAK === '1')
    test('1.33 takes over, 1.12 again, and in the end nothing is left but what is the kubelet’s', async () => {
      const today = release('1.33');
      await today.sync(state());
      const all = async () => `${await run('iptables-save')}${await run('ipset', 'save')}`;
      expect(await all()).not.toMatch(/-j KUBE-MARK-DROP|KUBE-NODE-PORT-(LOCAL-)?SCTP /);
      expect(await all()).toMatch(/KUBE-IPVS-IPS/);
      expect(await today.verify()).toBeUndefined();
      const then = release('1.12');
      await then.sync(state());
      expect(await all()).not.toMatch(/KUBE-(IPVS-|PROXY-FIREWALL|SOURCE-RANGES|HEALTH-CHECK)/);
      expect(await then.verify()).toBeUndefined();
      expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod1 10.244.1.9': 1 });
      await then.cleanup();
      const left = (await all()).split('\n').filter((line) => line.includes('KUBE-'));
      expect(left.filter((line) => !/KUBE-(MARK-DROP|FIREWALL)|0x8000/.test(line))).toEqual([]);
      expect(await run('ipset', 'save')).toBe('');
      expect(await run('ipvsadm', '-Sn')).toBe('');
    });
});
