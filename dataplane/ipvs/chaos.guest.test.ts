import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChaosRun, startChaos } from '../testing/chaos.ts';
import { follow } from '../testing/fuzz.ts';
import { tryHistory } from '../testing/history.ts';
import { node as nodeObject, service, slice } from '../testing/objects.ts';
import { randomHistory } from '../testing/randomhistory.ts';
import { nodeIp, startTestNode, type TestNode } from '../testing/sandbox.ts';

// Programs start slowly in the guest kernel: few for every change, more for a soak.
const soak = process.env.V9S_SOAK === '1';

describe('ipvs: after each step of a history', () => {
  let lab: TestNode;
  beforeAll(async () => {
    lab = await startTestNode();
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  const [seeds, steps] = soak ? [[1, 2, 3, 4, 5], 12] : [[1], 3];
  test.each(seeds)('the kernel has what a new proxy writes, seed %i', async (seed) => {
    const history = randomHistory(seed, steps);
    await tryHistory(seed, history, (some) => follow('ipvs', seed, some, () => lab.kernel), steps);
  });
});

function objects() {
  const web = { clusterIPs: ['10.96.0.10', 'fd00:96::10'], ports: [{ name: 'p80', port: 80 }] };
  return [
    nodeObject('worker', [nodeIp, 'fd00:172::3']),
    service('ns/web', web),
    slice('ns/web', ['10.244.1.5'], { port: 9376 }),
    slice('ns/web', ['fd00:244:1::5'], { port: 9376, suffix: 'six', addressType: 'IPv6' }),
  ];
}

const flush = 'for t in filter nat; do iptables -t $t -F; iptables -t $t -X; done';
const destroy = "ipset save | sed -n 's/^create \\(KUBE-[A-Z][^ ]*\\).*/destroy \\1/p' | ipset restore";

describe('ipvs', () => {
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
    run.remove('Service', 'ns/more');
    await run.converged();
    run.log.length = 0;
  });

  test.each([
    ...(soak
      ? [['kube-ipvs0 is removed', 'ip link del kube-ipvs0', /IPv4 .*kube-ipvs0 is gone/] as const]
      : []),
    [
      'an address, all servers, sets and rules are gone',
      `ip address del 10.96.0.10/32 dev kube-ipvs0; ipvsadm -C; ${flush}; ${destroy}`,
      /IPv4 .*1 virtual servers missing \(-t 10\.96\.0\.10:80\), 1 addresses of kube-ipvs0 differ \(10\.96\.0\.10\), .*\(KUBE-LOOP-BACK, .*iptables rules differ/,
    ] as const,
  ])('%s: found, said and repaired', async (_, command, said) => {
    await sh(command);
    await run.running.verify();
    await run.said(said);
    await run.converged();
    expect(await answer()).toEqual({ 'pod1 10.244.1.9': 1 });
  });

  test.each([
    [
      'kube-ipvs0 and the servers are gone',
      'ip link del kube-ipvs0; ipvsadm -C',
      /virtual servers missing .*kube-ipvs0 is gone/,
    ],
    ...(soak ? [['sets and rules are gone', `${flush}; ${destroy}`, /iptables rules differ/] as const] : []),
  ] as const)(
    'between two writes %s: the write fails, and the next starts from what is there',
    async (_, command, said) => {
      const done = run.meddler.beforeNextWrite(() => sh(command));
      run.put(service('ns/more', { clusterIP: '10.96.0.99', ports: [{ name: 'p80', port: 80 }] }));
      moveTo('10.244.1.6');
      await done;
      await run.said(/IPv4 rules are in step again, after failed writes: 1/);
      expect(run.log[0]).toMatch(/^dataplane: sync: (ipset|ip|ipvsadm) /);
      await run.said(said);
      await run.converged();
      expect(await answer()).toEqual({ 'pod2 10.244.1.9': 1 });
    },
  );
});
