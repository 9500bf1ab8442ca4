import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { proxyConfiguration } from '../configuration.ts';
import type { Dataplane } from '../dataplane.ts';
import { createIptablesDataplane } from '../iptables/dataplane.ts';
import { createModel, type Model } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { service, slice } from '../testing/objects.ts';
import { nodeIp, startTestNode, type TestNode } from '../testing/sandbox.ts';
import { createIpvsDataplane } from './dataplane.ts';
import { ipvsText } from './render.ts';

const configuration = proxyConfiguration({ clusterCIDR: '10.244.0.0/16' });

// What starts many programs, slowly in a guest kernel, is for the soak test.
const soak = process.env.V9S_SOAK === '1';

describe('IPVS in the kernel', () => {
  let lab: TestNode;
  let model: Model;
  let dataplane: Dataplane;
  const node = nodeFacts('worker', undefined, { ips: [nodeIp] });
  const state = () => ({ rows: model.rows(), node });
  const run = async (file: string, ...args: string[]) => (await lab.kernel.run(file, args)).stdout;
  const ports = [{ name: 'p80', port: 80, nodePort: 30080 }];
  const web = { type: 'NodePort', clusterIP: '10.96.0.10', ports };
  const setEndpoints = (...ips: string[]) => model.setSlice('ns/web-a', slice('ns/web', ips, { port: 9376 }));
  const ping = () =>
    lab
      .inside('client')
      .run('ping', ['-c1', '-W1', '10.96.0.10'])
      .then(
        () => 'answered',
        () => 'refused',
      );

  beforeAll(async () => {
    lab = await startTestNode();
    await Promise.all(['pod1', 'pod2'].map((pod) => lab.serve(pod, pod, [9376])));
  });
  afterAll(() => lab[Symbol.asyncDispose]());
  beforeEach(async () => {
    await dataplane?.cleanup();
    model = createModel('IPv4', 'worker');
    model.setService('ns/web', service('ns/web', web));
    setEndpoints('10.244.1.5');
    dataplane = createIpvsDataplane({ kernel: lab.kernel, family: 'IPv4', configuration });
  });

  test('one endpoint more is one line for one tool', async () => {
    await dataplane.sync(state());
    lab.commands.length = 0;
    setEndpoints('10.244.1.5', '10.244.1.6');
    await dataplane.sync(state());
    expect(lab.commands).toEqual([
      {
        file: 'sh',
        args: ['-c', 'exec ipvsadm --restore 2>&1'],
        input:
          '-a -t 10.96.0.10:80 -r 10.244.1.6:9376 -m -w 1\n-a -t 172.18.0.3:30080 -r 10.244.1.6:9376 -m -w 1\n--list --timeout\n',
      },
    ]);
  });

  if (soak)
    test('changes in quick succession go to tools that stay, and what those refuse is told', async () => {
      await dataplane.sync(state());
      for (let i = 11; i < 16; i++) {
        const spec = { ...web, clusterIP: `10.96.0.${i}`, ports: [{ port: i }] };
        model.setService('ns/more', service('ns/more', spec));
        lab.commands.length = 0;
        await dataplane.sync(state());
        expect(lab.commands.map(({ file }) => file)).toEqual(['sh', 'sh', 'sh']);
        expect(await run('ipvsadm', '-Sn')).toContain(`-t 10.96.0.${i}:${i} `);
        expect(await run('ip', 'address')).toContain(`10.96.0.${i}/32`);
      }
      await run('ipvsadm', '-D', '-t', '10.96.0.15:15');
      model.setService('ns/more', undefined);
      await expect(dataplane.sync(state())).rejects.toThrow('ipvsadm --restore: No such service');
      await dataplane.sync(state());
      expect(await dataplane.verify()).toBeUndefined();
    });

  test('the tools print what is rendered', async () => {
    await dataplane.sync(state());
    const rendered = ipvsText({ rows: [...model.rows().values()], node, family: 'IPv4', configuration });
    const lines = (text: string) =>
      text
        .replaceAll(/ bucketsize .*| \[\d+:\d+\]/g, '')
        .split('\n')
        .filter((line) => line && !/^#|^:(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)|^\*mangle/.test(line))
        .sort();
    const tables = await Promise.all(['filter', 'nat'].map((table) => run('iptables-save', '-t', table)));
    const printed = [await run('ipset', 'save'), ...tables, await run('ipvsadm', '-Sn')].join('');
    expect(lines(printed)).toEqual(lines(rendered));
  });

  test('an endpoint with connections is drained, and deleted when they are over', async () => {
    await dataplane.sync(state());
    await lab.connect('client', '10.96.0.10', 80);
    setEndpoints('10.244.1.6');
    await dataplane.sync(state());
    const gone = '-a -t 10.96.0.10:80 -r 10.244.1.5:9376 -m -w 0';
    const saved = await run('ipvsadm', '-Sn');
    expect(saved).toContain(gone);
    // Nobody came by the node port, so there it went at once.
    expect(saved).not.toContain('-t 172.18.0.3:30080 -r 10.244.1.5');
    expect(await dataplane.verify()).toBeUndefined();
    // The kernel forgets a closed connection after a while; this is the same to us.
    await run('ipvsadm', '-d', '-t', '10.96.0.10:80', '-r', '10.244.1.5:9376');
    expect(await dataplane.verify()).toBeUndefined();
    expect(await run('ipvsadm', '-Sn')).not.toContain('10.244.1.5');
  });

  // chaos.guest.test.ts does the same to a process that runs.
  const damages = [
    ['a set lost an entry', ['ipset', 'flush', 'KUBE-CLUSTER-IP'], /entries of sets/],
    ['the device is gone', ['ip', 'link', 'del', 'kube-ipvs0'], /kube-ipvs0/],
    ['the servers are flushed', ['ipvsadm', '-C'], /2 virtual servers missing/],
    ['the tables are flushed', ['iptables', '-t', 'nat', '-F'], /iptables rules/],
  ] as const;
  test.each(soak ? damages : damages.slice(0, 1))(
    '%s: noticed, and repaired by the next sync',
    async (_, [file = '', ...args], said) => {
      await dataplane.sync(state());
      await run(file, ...args);
      expect(await dataplane.verify()).toMatch(said);
      await dataplane.sync(state());
      expect(await dataplane.verify()).toBeUndefined();
      expect(await lab.connect('client', '10.96.0.10', 80)).toEqual({ 'pod1 10.244.1.9': 1 });
    },
  );

  if (soak)
    test('Service addresses answer no ping, but with the rules of 1.12 they do, and loopback serves node ports', async () => {
      await dataplane.sync(state());
      expect(await ping()).toBe('refused');
      await dataplane.cleanup();
      const classic = { kernel: lab.kernel, family: 'IPv4', configuration, emulatedVersion: '1.12' } as const;
      dataplane = createIpvsDataplane(classic);
      await dataplane.sync(state());
      expect(await ping()).toBe('answered');
      expect(await run('ipvsadm', '-Ln')).toMatch(/^TCP {2}127\.0\.0\.1:30080 rr/m);
    });

  if (soak)
    test('taking over from iptables mode, and back, leaves one mode standing and traffic flowing', async () => {
      const iptables = createIptablesDataplane({ kernel: lab.kernel, family: 'IPv4', configuration });
      const through = () => lab.connect('client', '10.96.0.10', 80);
      await iptables.sync(state());
      await dataplane.sync(state());
      expect(await run('iptables-save')).not.toMatch(
        /KUBE-(SVC|SEP|NODEPORTS|EXTERNAL-SERVICES|PROXY-CANARY)/,
      );
      expect(await dataplane.verify()).toBeUndefined();
      expect(await through()).toEqual({ 'pod1 10.244.1.9': 1 });
      await iptables.adopt();
      await iptables.sync(state());
      await dataplane.cleanup('iptables');
      // The kernel still knows that connection, which would end with its server or with the address.
      expect(dataplane.inUse?.()).toBe(true);
      expect(await run('ipvsadm', '-Sn')).toBe(
        '-A -t 10.96.0.10:80 -s rr\n-a -t 10.96.0.10:80 -r 10.244.1.5:9376 -m -w 1\n',
      );
      expect(await run('ip', '-brief', 'address', 'show', 'kube-ipvs0')).toContain(' 10.96.0.10/32');
      expect(await run('ipset', 'save')).toBe('');
      // A while later it does not; this is the same to us.
      await run('ipvsadm', '-d', '-t', '10.96.0.10:80', '-r', '10.244.1.5:9376');
      await dataplane.cleanup('iptables');
      expect(dataplane.inUse?.()).toBe(false);
      expect(await run('ipvsadm', '-Sn')).toBe('');
      expect(await run('ip', '-brief', 'link')).not.toContain('kube-ipvs0');
      expect(await iptables.verify()).toBeUndefined();
      expect(await through()).toEqual({ 'pod1 10.244.1.9': 1 });
      await iptables.cleanup();
    });

  test('excluded CIDRs are left to others, and a refused line is told', async () => {
    const excluding = proxyConfiguration({ ipvs: { excludeCIDRs: ['192.0.2.0/24'], scheduler: 'sh' } });
    await run('ipvsadm', '-A', '-t', '192.0.2.1:80', '-s', 'rr');
    await run('ipvsadm', '-A', '-t', '198.51.100.1:80', '-s', 'rr');
    dataplane = createIpvsDataplane({ kernel: lab.kernel, family: 'IPv4', configuration: excluding });
    await dataplane.sync(state());
    const saved = await run('ipvsadm', '-Sn');
    expect(saved).toContain('-A -t 192.0.2.1:80 -s rr');
    expect(saved).not.toContain('198.51.100.1');
    expect(saved).toContain('-A -t 10.96.0.10:80 -s sh');
    await run('ipvsadm', '-C');
    setEndpoints('10.244.1.6');
    await expect(dataplane.sync(state())).rejects.toThrow(/ipvsadm --restore/);
    await dataplane.sync(state());
    expect(await dataplane.verify()).toBeUndefined();
  });
});
