import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Kernel } from '../kernel/run.ts';
import { type ChaosRun, startChaos, thousandChanges } from './testing/chaos.ts';
import { node as nodeObject, service, slice } from './testing/objects.ts';
import { nodeIp, startTestNode, type TestNode } from './testing/sandbox.ts';
import { type BackendName, hostBackends } from './testing/standing.ts';

/** What everything starts with: one endpoint that answers, and a few Services of other kinds. */
function objects() {
  const ports = [{ name: 'p80', port: 80, nodePort: 30080 }];
  const ips = (n: number) => ({ clusterIPs: [`10.96.0.${n}`, `fd00:96::${n}`] });
  return [
    nodeObject('worker', [nodeIp, 'fd00:172::3']),
    service('ns/web', { type: 'NodePort', ...ips(10), ports }),
    service('ns/sticky', { ...ips(11), sessionAffinity: 'ClientIP', ports: [{ name: 'p80', port: 80 }] }),
    service('ns/none', { ...ips(12), ports: [{ name: 'p80', port: 80 }] }),
    slice('ns/web', ['10.244.1.5'], { port: 9376 }),
    slice('ns/web', ['fd00:244:1::5'], { port: 9376, suffix: 'six', addressType: 'IPv6' }),
    slice('ns/sticky', ['10.244.1.5', '10.244.1.6'], { port: 9376 }),
  ];
}

/** One command, in the words of `sh`. */
type Damage = readonly [what: string, command: string, said: RegExp];

const ofIptables: readonly Damage[] = [
  ['the whole ruleset is flushed', 'nft flush ruleset', /IPv4 .*flushed/],
  ['the nat table is flushed', 'iptables -t nat -F; iptables -t nat -X', /IPv4 .*flushed/],
  ['a chain is flushed', 'iptables -t nat -F KUBE-SERVICES', /KUBE-SERVICES/],
  [
    'a chain is deleted, with what leads to it',
    `c=$(iptables-save -t nat | sed -n 's,^-A \\(KUBE-SEP-[A-Z0-9]*\\) .*ns/sticky.*,\\1,p' | head -1); iptables-save -t nat | grep -v "$c" | iptables-restore -T nat`,
    /missing: nat chain KUBE-SEP-/,
  ],
  ['a rule is inserted', 'iptables -t nat -I KUBE-SERVICES -j RETURN', /KUBE-SERVICES/],
  ['a hook is lost', 'iptables -t nat -F PREROUTING', /PREROUTING/],
];

const ofNftables: readonly Damage[] = [
  ['the whole ruleset is flushed', 'nft flush ruleset', /IPv4 .*flushed/],
  ['the table is deleted', 'nft delete table ip kube-proxy', /IPv4 .*flushed/],
  ['all rules are flushed', 'nft flush table ip kube-proxy', /IPv4 .*changed: chain /],
  ['a chain is flushed', 'nft flush chain ip kube-proxy services', /chain services/],
  ['a rule is inserted', 'nft insert rule ip kube-proxy services return', /chain services/],
  ['a map is emptied', 'nft flush map ip kube-proxy service-ips', /service-ips/],
  [
    'a chain more leads into ours',
    'nft "add chain ip kube-proxy mine; add rule ip kube-proxy mine jump services"',
    /chain mine/,
  ],
];

const damageOf = (name: BackendName) => (name === 'iptables' ? ofIptables : ofNftables);

describe.each(hostBackends)('%s', (name) => {
  let lab: TestNode;
  let run: ChaosRun;
  const sh = (script: string) => lab.kernel.run('sh', ['-c', script]);
  const answer = () => lab.connect('client', '10.96.0.10', 80);

  beforeAll(async () => {
    lab = await startTestNode();
    await Promise.all(['pod1', 'pod2'].map((pod) => lab.serve(pod, pod, [9376])));
    run = await startChaos(lab.kernel, name, objects());
  });
  afterAll(async () => {
    await run.end();
    await lab[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    run.put(...objects());
    for (const key of ['ns/more', 'ns/new', 'ns/late']) run.remove('Service', key);
    await run.converged();
    run.log.length = 0;
  });

  test.each(damageOf(name))('%s: found, said and repaired', async (_, command, said) => {
    await sh(command);
    await run.running.verify();
    await run.said(said);
    await run.converged();
    expect(await answer()).toEqual({ 'pod1 10.244.1.9': 1 });
    // Whoever looks again finds nothing.
    const lines = run.log.length;
    await run.running.verify();
    expect(run.log.slice(lines)).toEqual([]);
  });

  const damaged = /IPv4 rules (after a failed write|were changed by somebody else)/;
  const moveTo = (ip: string) => run.put(slice('ns/web', [ip], { port: 9376 }));

  test.each(damageOf(name))(
    'between two writes %s: the next change reaches the kernel',
    async (_, command) => {
      const done = run.meddler.beforeNextWrite(() => sh(command));
      moveTo('10.244.1.6');
      run.put(service('ns/more', { clusterIP: '10.96.0.99', ports: [{ name: 'p80', port: 80 }] }));
      await done;
      await run.running.verify();
      await run.converged();
      expect(run.log.join('\n')).toMatch(damaged);
      expect(await answer()).toEqual({ 'pod2 10.244.1.9': 1 });
      moveTo('10.244.1.5');
      run.remove('Service', 'ns/more');
      await run.converged();
    },
  );

  test('a write that meets flushed rules fails, and the next one starts from what is there, unasked', async () => {
    const done = run.meddler.beforeNextWrite(() => sh('nft flush ruleset'));
    run.put(service('ns/new', { clusterIP: '10.96.0.98', ports: [{ name: 'p80', port: 80 }] }));
    await done;
    await run.converged();
    await run.said(/in step again/);
    expect(run.log.at(-3)).toMatch(/^dataplane: IPv4 rules after a failed write, .*flushed/);
    expect(run.log.at(-2)).toMatch(/^dataplane: IPv6 rules were changed by somebody else .*flushed/);
    expect(run.log.at(-1)).toMatch(/^dataplane: IPv4 rules are in step again, after failed writes: 1$/);
    run.remove('Service', 'ns/new');
  });

  test('the process that stays for small batches is killed, at rest and before a write', async () => {
    const kill =
      'for p in /proc/[0-9]*; do read -r name < $p/comm; case $name in nft|iptables-nft-re) kill -9 $(basename $p);; esac; done 2>/dev/null; true';
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
    moveTo('10.244.1.5');
  });

  test('a thousand changes in a second are a few writes, and the last one counts', async () => {
    const { writes, undo } = await thousandChanges(run);
    expect(writes).toBeLessThan(100);
    expect(await lab.connect('client', '10.96.1.50', 89)).toEqual({ 'pod2 10.244.1.9': 1 });
    await undo();
  });

  test('while the API is away rules stay and are repaired; what happened meanwhile is written when it is back', async () => {
    run.api.away();
    await run.said(/dataplane: watch: .*ECONNREFUSED/);
    await sh('nft flush ruleset');
    await run.running.verify();
    expect(await answer()).toEqual({ 'pod1 10.244.1.9': 1 });
    moveTo('10.244.1.6');
    run.remove('Service', 'ns/none');
    run.put(service('ns/late', { clusterIP: '10.96.0.77', ports: [{ name: 'p80', port: 80 }] }));
    run.api.back();
    await run.converged();
    expect(await answer()).toEqual({ 'pod2 10.244.1.9': 1 });
    moveTo('10.244.1.5');
  });

  test('the tool that reads is missing: said, and changes are written all the same', async () => {
    run.meddler.missing = /-save$|^nft list/;
    await run.running.verify();
    await run.said(/looking at the IPv4 rules: .*command not found/);
    moveTo('10.244.1.6');
    await expect.poll(answer).toEqual({ 'pod2 10.244.1.9': 1 });
    run.meddler.missing = undefined;
    moveTo('10.244.1.5');
    await run.converged();
  });
});

describe('iptables, with a rule of somebody else that leads to a chain of ours', () => {
  test('the chain stays, empty, as long as the rule does; everything else is written', async () => {
    await using lab = await startTestNode();
    const run = await startChaos(lab.kernel, 'iptables', objects());
    const sh = async (script: string) => (await lab.kernel.run('sh', ['-c', script])).stdout;
    const chain = (
      await sh("iptables-save -t nat | sed -n 's/^:\\(KUBE-SVC-[A-Z0-9]*\\).*/\\1/p' | head -1")
    ).trim();
    await sh(`iptables -t nat -N MINE; iptables -t nat -A MINE -j ${chain}`);
    run.remove('Service', 'ns/web');
    run.remove('Service', 'ns/sticky');
    run.put(service('ns/more', { clusterIP: '10.96.0.99', ports: [{ name: 'p80', port: 80 }] }));
    await run.said(/IPv4 rules are in step again, after failed writes: 1/);
    expect(run.log[0]).toContain(`-X ${chain}`);
    expect(await sh('iptables-save')).toMatch(/ns\/more:p80 has no endpoints/);
    expect(await sh(`iptables -t nat -S ${chain}`)).toBe(`-N ${chain}\n`);
    const lines = run.log.length;
    await run.running.verify();
    expect(run.log.slice(lines)).toEqual([]);
    await sh('iptables -t nat -F MINE; iptables -t nat -X MINE');
    await run.running.verify();
    await run.said(new RegExp(`not ours to have: nat chain ${chain}`));
    await run.converged();
    await run.end();
  });
});

describe('iptables, legacy tools', () => {
  let lab: TestNode;
  let run: ChaosRun;
  beforeAll(async () => {
    lab = await startTestNode();
    run = await startChaos(withLegacyTools(lab.kernel), 'iptables', objects());
  });
  afterAll(async () => {
    await run.end();
    await lab[Symbol.asyncDispose]();
  });

  test('another program holds the xtables lock: the proxy waits, says for whom, and loses nothing', async () => {
    await run.converged();
    const held = lab.kernel.run('flock', [
      ...['/run/xtables.lock', 'sh', '-c'],
      'touch /run/held; until [ -e /run/enough ]; do sleep 0.05; done',
    ]);
    await expect
      .poll(() => lab.kernel.run('ls', ['/run']).then(({ stdout }) => stdout), { timeout: 10_000 })
      .toContain('held');
    run.put(slice('ns/web', ['10.244.1.6'], { port: 9376 }));
    await run.said(/IPv4 rules wait for the xtables lock, which (flock|sh) \(\d+\) holds/);
    run.remove('Service', 'ns/none');
    await lab.kernel.run('touch', ['/run/enough']);
    await held;
    await run.converged();
  });
});

/** The legacy tools, whatever the proxy chooses: in a lab it cannot see that they have tables. */
function withLegacyTools(kernel: Kernel): Kernel {
  const named = (file: string) => file.replace(/^(ip6?tables)(-nft)?(-save|-restore)?$/, '$1-legacy$3');
  return {
    run: (file, args, options) => kernel.run(named(file), args, options),
    async open(file, args) {
      const session = await kernel.open?.(named(file), args);
      if (!session) throw new Error('no sessions');
      return session;
    },
  };
}
