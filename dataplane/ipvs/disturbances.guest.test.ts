import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChaosRun, startChaos, thousandChanges } from '../testing/chaos.ts';
import { describeKilled } from '../testing/killed.ts';
import { node as nodeObject, service, slice } from '../testing/objects.ts';
import { nodeIp, startTestNode, type TestNode } from '../testing/sandbox.ts';

// A proxy takes seconds to start in the guest kernel, and its tools a tenth of one each.
describeKilled('ipvs', { longest: 300 });

const ports = [{ name: 'p80', port: 80 }];

function objects() {
  return [
    nodeObject('worker', [nodeIp, 'fd00:172::3']),
    service('ns/web', { clusterIPs: ['10.96.0.10', 'fd00:96::10'], ports }),
    slice('ns/web', ['10.244.1.5'], { port: 9376 }),
    slice('ns/web', ['fd00:244:1::5'], { port: 9376, suffix: 'six', addressType: 'IPv6' }),
  ];
}

describe('ipvs, disturbed', () => {
  let lab: TestNode;
  let run: ChaosRun;
  const sh = (script: string) => lab.kernel.run('sh', ['-c', script]);
  const answer = () => lab.connect('client', '10.96.0.10', 80);
  const moveTo = (ip: string) => run.put(slice('ns/web', [ip], { port: 9376 }));

  beforeAll(async () => {
    lab = await startTestNode();
    await Promise.all(['pod1', 'pod2'].map((pod) => lab.serve(pod, pod, [9376])));
    run = await startChaos(lab.kernel, 'ipvs', objects());
  });
  afterAll(async () => {
    await run.end();
    await lab[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    run.put(...objects());
    for (const key of ['ns/more', 'ns/late', 'ns/open']) run.remove('Service', key);
    await run.converged();
    run.log.length = 0;
  });

  test.each([
    [
      'an entry of a set is lost',
      'ipset del KUBE-CLUSTER-IP 10.96.0.10,tcp:80',
      /IPv4 .*1 entries of sets differ \(KUBE-CLUSTER-IP 10\.96\.0\.10,tcp:80\)/,
    ],
    [
      'an entry too many is in a set',
      'ipset add KUBE-LOOP-BACK 10.244.1.77,tcp:1,10.244.1.77',
      /1 entries of sets differ \(KUBE-LOOP-BACK 10\.244\.1\.77,tcp:1,10\.244\.1\.77\)/,
    ],
    [
      'a real server is lost',
      'ipvsadm -d -t 10.96.0.10:80 -r 10.244.1.5:9376',
      /1 virtual servers changed \(-t 10\.96\.0\.10:80\)/,
    ],
    [
      // A device that goes down loses its IPv6 addresses.
      'kube-ipvs0 is set up, and down again',
      'ip link set kube-ipvs0 up; ip link set kube-ipvs0 down',
      /IPv6 .*1 addresses of kube-ipvs0 differ \(fd00:96::10\)/,
    ],
  ])('%s: found, said and repaired', async (_, command, said) => {
    await sh(command);
    await run.running.verify();
    await run.said(said);
    await run.converged();
    expect(await answer()).toEqual({ 'pod1 10.244.1.9': 1 });
    const lines = run.log.length;
    await run.running.verify();
    expect(run.log.slice(lines)).toEqual([]);
  });

  test('kube-ipvs0 that somebody set up is left so, and nobody notices', async () => {
    await sh('ip link set kube-ipvs0 up');
    await run.running.verify();
    expect(run.log).toEqual([]);
    moveTo('10.244.1.6');
    await run.converged();
    expect(await answer()).toEqual({ 'pod2 10.244.1.9': 1 });
    await sh('ip link set kube-ipvs0 down');
    await run.running.verify();
  });

  test('the tools that stay for small batches are killed, at rest and before a write', async () => {
    const kill =
      'for p in /proc/[0-9]*; do read -r name < $p/comm; case $name in ipvsadm|ipset|ip) kill -9 $(basename $p);; esac; done 2>/dev/null; true';
    moveTo('10.244.1.6');
    await run.converged();
    await sh(kill);
    moveTo('10.244.1.5');
    await run.converged();
    const done = run.meddler.beforeNextWrite(() => sh(kill));
    moveTo('10.244.1.6');
    await done;
    await run.converged();
    expect(await answer()).toEqual({ 'pod2 10.244.1.9': 1 });
  });

  test('a thousand changes in a second are a few writes, and the last one counts', async () => {
    const { writes, undo } = await thousandChanges(run);
    expect(writes).toBeLessThan(100);
    expect(await lab.connect('client', '10.96.1.50', 89)).toEqual({ 'pod2 10.244.1.9': 1 });
    await undo();
  });

  test('while the API is away servers stay and are repaired; what happened meanwhile is written when it is back', async () => {
    run.api.away();
    await run.said(/dataplane: watch: .*ECONNREFUSED/);
    await sh('ipvsadm -C');
    await run.running.verify();
    expect(await answer()).toEqual({ 'pod1 10.244.1.9': 1 });
    moveTo('10.244.1.6');
    run.put(service('ns/late', { clusterIP: '10.96.0.77', ports }));
    run.api.back();
    await run.converged();
    expect(await answer()).toEqual({ 'pod2 10.244.1.9': 1 });
  });

  test('another program holds the xtables lock: what needs no rules is written, the rest is told of and waits', async () => {
    const held = lab.kernel.run('flock', [
      ...['/run/xtables.lock', 'sh', '-c'],
      'touch /run/held; until [ -e /run/enough ]; do sleep 0.05; done',
    ]);
    await expect
      .poll(() => lab.kernel.run('ls', ['/run']).then(({ stdout }) => stdout), { timeout: 10_000 })
      .toContain('held');
    run.put(
      service('ns/more', { clusterIP: '10.96.0.99', ports }),
      slice('ns/more', ['10.244.1.6'], { port: 9376 }),
    );
    await expect
      .poll(() => lab.connect('client', '10.96.0.99', 80), { timeout: 20_000 })
      .toEqual({ 'pod2 10.244.1.9': 1 });
    // The first external address brings rules.
    const open = { clusterIP: '10.96.0.98', externalIPs: ['192.0.2.98'], ports };
    run.put(service('ns/open', open), slice('ns/open', ['10.244.1.6'], { port: 9376 }));
    await run.said(/IPv4 rules wait for the xtables lock, which (flock|sh) \(\d+\) holds/);
    await lab.kernel.run('touch', ['/run/enough']);
    await held;
    await run.converged();
    expect(await lab.connect('client', '192.0.2.98', 80)).toEqual({ 'pod2 10.244.1.1': 1 });
  });
});
