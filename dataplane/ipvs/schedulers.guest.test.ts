import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { proxyConfiguration } from '../configuration.ts';
import { createModel } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { service, slice } from '../testing/objects.ts';
import { nodeIp, startTestNode, type TestNode } from '../testing/sandbox.ts';
import { createIpvsDataplane } from './dataplane.ts';

describe('the ipvs part of a KubeProxyConfiguration', () => {
  let lab: TestNode;
  const run = async (file: string, ...args: string[]) => (await lab.kernel.run(file, args)).stdout;
  const model = createModel('IPv4', 'worker');
  const spec = {
    clusterIP: '10.96.0.10',
    sessionAffinity: 'ClientIP',
    ports: [{ name: 'p80', port: 80, nodePort: 30080 }],
    type: 'NodePort',
  };
  const withIpvs = (ipvs: object) =>
    createIpvsDataplane({
      kernel: lab.kernel,
      family: 'IPv4',
      configuration: proxyConfiguration({ ipvs }),
    });
  const state = (...localAddresses: string[]) => ({
    rows: model.rows(),
    node: nodeFacts('worker', undefined, {
      ips: [nodeIp],
      ...(localAddresses.length > 0 ? { localAddresses } : {}),
    }),
  });

  beforeAll(async () => {
    lab = await startTestNode();
    await lab.serve('pod1', 'pod1', [9376]);
    model.setService('ns/web', service('ns/web', spec));
    model.setSlice('ns/web-a', slice('ns/web', ['10.244.1.5'], { port: 9376 }));
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  const soak = process.env.V9S_SOAK === '1';
  const all = ['rr', 'wrr', 'lc', 'wlc', 'sh', 'dh', 'mh', 'sed', 'nq', 'lblc', 'lblcr'];
  // One server is edited from scheduler to scheduler, and connections go on through it.
  test.each(soak ? all : ['rr', 'sh', 'mh', 'lblcr'])('scheduler %s', async (scheduler) => {
    const dataplane = withIpvs({ scheduler });
    await dataplane.sync(state());
    const flag = scheduler === 'mh' ? ' -b mh-port' : '';
    const saved = await run('ipvsadm', '-S', '-n');
    expect(saved).toContain(`-A -t 10.96.0.10:80 -s ${scheduler} -p 10800${flag}\n`);
    expect(await dataplane.verify()).toBeUndefined();
    expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod1 10.244.1.9': 1 });
  });

  test('time-outs, strict ARP and connection parameters reach the kernel', async () => {
    const before = await run('ipvsadm', '-l', '--timeout');
    expect(before).toContain('900 120 300');
    const dataplane = withIpvs({ tcpTimeout: '500s', udpTimeout: '30s', strictARP: true });
    await dataplane.sync(state());
    // One that is not named stays as it was.
    expect(await run('ipvsadm', '-l', '--timeout')).toContain('500 120 30');
    const parameters = [
      ...['net.ipv4.vs.conntrack', 'net.ipv4.vs.expire_nodest_conn', 'net.ipv4.vs.expire_quiescent_template'],
      ...['net.ipv4.ip_forward', 'net.ipv4.conf.all.arp_ignore', 'net.ipv4.conf.all.arp_announce'],
    ];
    expect((await run('sysctl', '-n', ...parameters)).trim().split('\n')).toEqual([...'111112']);
  });

  test('an address that the node gets serves node ports, until it goes', async () => {
    const dataplane = withIpvs({});
    const own = ['127.0.0.1', nodeIp];
    await dataplane.sync(state(...own));
    await run('ip', 'address', 'add', '192.168.7.1/32', 'dev', 'lo');
    const { created, changed, deleted } = await dataplane.sync(state(...own, '192.168.7.1'));
    expect({ created, changed, deleted }).toEqual({ created: 1, changed: 0, deleted: 0 });
    expect(await run('ipvsadm', '-S', '-n')).toContain('-A -t 192.168.7.1:30080 -s rr -p 10800\n');
    expect(Object.keys(await lab.connect('client', '192.168.7.1', 30080))[0]).toMatch(/^pod1 /);
    await dataplane.sync(state(...own));
    expect(await run('ipvsadm', '-S', '-n')).not.toContain('192.168.7.1');
  });
});
