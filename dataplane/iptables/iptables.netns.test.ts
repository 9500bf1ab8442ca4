import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RestoreError } from '../../kernel/iptables.ts';
import { proxyConfiguration } from '../configuration.ts';
import type { Dataplane } from '../dataplane.ts';
import { createModel, type Model } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { describeDataplane } from '../testing/contract.ts';
import { service, slice } from '../testing/objects.ts';
import { startTestNode, type TestNode } from '../testing/sandbox.ts';
import { createIptablesDataplane } from './dataplane.ts';
import { normalRule } from './normal.ts';
import { parseSaved } from './parse.ts';

const configuration = proxyConfiguration({ clusterCIDR: '10.244.0.0/16' });

describeDataplane('iptables', {
  mode: 'iptables',
  create: createIptablesDataplane,
  differences: { localhost: true, otherPort: 'silent', nodeToNothing: 'silent' },
});

describe('iptables rules in the kernel', () => {
  let lab: TestNode;
  let model: Model;
  let dataplane: Dataplane;
  const sync = () => dataplane.sync({ rows: model.rows(), node: nodeFacts('worker', undefined) });
  const save = async () => (await lab.kernel.run('iptables-save', ['-c', '-t', 'nat'])).stdout;

  beforeAll(async () => {
    lab = await startTestNode();
  });
  afterAll(() => lab[Symbol.asyncDispose]());
  beforeEach(async () => {
    await dataplane?.cleanup();
    model = createModel('IPv4', 'worker');
    for (let i = 1; i <= 20; i++) {
      const spec = {
        type: 'NodePort',
        clusterIP: `10.96.0.${i}`,
        ports: [{ name: 'p80', port: 80, nodePort: 30000 + i }],
      };
      model.setService(`ns/s${i}`, service(`ns/s${i}`, spec));
      model.setSlice(
        `ns/s${i}-a`,
        slice(`ns/s${i}`, ['10.244.1.5', '10.244.1.6', '10.244.1.7'], { port: 9376 }),
      );
    }
    dataplane = createIptablesDataplane({ kernel: lab.kernel, family: 'IPv4', configuration });
    await sync();
    lab.commands.length = 0;
  });

  test('one endpoint less is one command that rewrites one chain', async () => {
    model.setSlice('ns/s7-a', slice('ns/s7', ['10.244.1.5', '10.244.1.7'], { port: 9376 }));
    await sync();
    expect(lab.commands.map(({ file }) => file)).toEqual(['iptables-restore']);
    const batch = lab.commands[0]?.input ?? '';
    const rewritten = Array.from(batch.matchAll(/^-A (\S+)/gm), ([, chain]) => chain);
    expect(new Set(rewritten).size).toBe(1);
    expect(rewritten[0]).toMatch(/^KUBE-SVC-/);
    expect(batch.match(/^-X KUBE-SEP-/gm)).toHaveLength(1);
    expect(batch).not.toContain('*filter');
  });

  test('one Service more adds its chains and one line to each shared chain', async () => {
    const spec = {
      type: 'NodePort',
      clusterIP: '10.96.0.99',
      ports: [{ name: 'p80', port: 80, nodePort: 30099 }],
    };
    model.setService('ns/new', service('ns/new', spec));
    model.setSlice('ns/new-a', slice('ns/new', ['10.244.1.5'], { port: 9376 }));
    await sync();
    const batch = lab.commands[0]?.input ?? '';
    expect(batch.match(/^-I KUBE-(SERVICES|NODEPORTS) /gm)).toHaveLength(2);
    expect(batch.match(/^:\S+/gm)).toHaveLength(3);
    expect(await dataplane.verify()).toBeUndefined();
  });

  test('counters of chains that did not change go on', async () => {
    const chain = 'KUBE-SERVICES';
    await lab.connect('client', '10.96.0.3', 80).catch(() => undefined);
    const counted = (text: string) =>
      new RegExp(`^\\[[1-9]\\d*:\\d+\\] -A ${chain} .*10\\.96\\.0\\.3/32`, 'm').test(text);
    expect(counted(await save())).toBe(true);
    model.setService('ns/s7', undefined);
    model.setSlice('ns/s9-a', slice('ns/s9', ['10.244.1.5'], { port: 9376 }));
    await sync();
    expect(counted(await save())).toBe(true);
  });

  test('a rule that somebody has put before ours does not make another rule go than the one meant', async () => {
    await lab.kernel.run('iptables', ['-t', 'nat', '-I', 'KUBE-SERVICES', '-d', '192.0.2.1', '-j', 'RETURN']);
    model.setService('ns/s7', undefined);
    await sync();
    const rules = (await save()).split('\n').filter((line) => line.includes('-A KUBE-SERVICES '));
    expect(rules.filter((line) => line.includes('ns/s7:'))).toEqual([]);
    expect(rules.filter((line) => /ns\/s[68]:/.test(line))).toHaveLength(2);
  });

  test('rules of others stay, and jumps of others before ours do no harm', async () => {
    await lab.kernel.run('iptables', ['-t', 'nat', '-N', 'MINE']);
    await lab.kernel.run('iptables', ['-t', 'nat', '-I', 'PREROUTING', '-j', 'MINE']);
    expect(await dataplane.verify()).toBeUndefined();
    await dataplane.cleanup();
    const saved = parseSaved(await save());
    expect(saved.get('nat')?.has('MINE')).toBe(true);
    expect([...(saved.get('nat')?.keys() ?? [])].filter((chain) => chain.startsWith('KUBE-'))).toEqual([]);
  });

  test.each([
    ['flushed tables', [['-F'], ['-X']]],
    ['a flushed chain', [['-F', 'KUBE-SERVICES']]],
    ['a lost hook', [['-F', 'PREROUTING']]],
    ['a foreign rule in a chain of ours', [['-I', 'KUBE-SERVICES', '-j', 'RETURN']]],
  ])('%s: noticed, and repaired by the next sync', async (_, interference) => {
    for (const args of interference) await lab.kernel.run('iptables', ['-t', 'nat', ...args]);
    expect(await dataplane.verify()).toBeTypeOf('string');
    await sync();
    expect(await dataplane.verify()).toBeUndefined();
  });

  test('rules that do not fit into one message are written all the same, and taken out', async () => {
    for (let i = 1; i <= 250; i++) {
      const key = `many/s${i}`;
      model.setService(key, service(key, { clusterIP: `10.97.0.${i}`, ports: [{ name: 'p80', port: 80 }] }));
      model.setSlice(`${key}-a`, slice(key, ['10.244.1.5', '10.244.1.6', '10.244.1.7'], { port: 9376 }));
    }
    expect((await sync()).created).toBe(1_000);
    expect(await dataplane.verify()).toBeUndefined();
    await dataplane.cleanup();
    expect((await save()).match(/KUBE-/g)).toBeNull();
  });

  test('in a large cluster a flush is found by one cheap look, and repaired', async () => {
    const many = Array.from({ length: 1_001 }, (_, i) => `10.245.${i >> 8}.${i & 255}`);
    model.setSlice('ns/s1-a', slice('ns/s1', many, { port: 9376 }));
    await sync();
    lab.commands.length = 0;
    expect(await dataplane.verify()).toBeUndefined();
    expect(lab.commands.map(({ file, args }) => `${file} ${args.join(' ')}`)).toEqual([
      'iptables -w 5 -t nat -S KUBE-PROXY-CANARY 1',
    ]);
    await lab.kernel.run('iptables', ['-t', 'nat', '-F']);
    await lab.kernel.run('iptables', ['-t', 'nat', '-X']);
    expect(await dataplane.verify()).toBe('the tables were flushed');
    expect((await sync()).created).toBeGreaterThan(1_000);
  });

  test('a batch that the kernel refuses names its line, and the next sync starts from what is there', async () => {
    await lab.kernel.run('iptables', ['-t', 'nat', '-F']);
    await lab.kernel.run('iptables', ['-t', 'nat', '-X']);
    model.setService('ns/s7', undefined);
    const error = await sync().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RestoreError);
    expect((error as RestoreError).line).toBeTruthy();
    await sync();
    expect(await dataplane.verify()).toBeUndefined();
  });

  test('what the kernel shows is the normal form of what was written, with both tool sets', async () => {
    const mine = (await dataplane.sync({ rows: model.rows(), node: nodeFacts('other', undefined) })).text;
    expect(mine).toBe('');
    const wanted = lab.commands.length;
    expect(wanted).toBe(0);
    await dataplane.cleanup();
    lab.commands.length = 0;
    dataplane = createIptablesDataplane({ kernel: lab.kernel, family: 'IPv4', configuration });
    await sync();
    const batch = lab.commands.find(({ file }) => file === 'iptables-restore')?.input ?? '';
    await dataplane.cleanup();
    for (const tool of ['iptables-nft', 'iptables-legacy']) {
      await lab.kernel.run(`${tool}-restore`, ['--noflush'], {
        input: batch.replace(/^-I (\S+) 1 /gm, '-A $1 '),
      });
      const { stdout } = await lab.kernel.run(`${tool}-save`, ['-t', 'nat']);
      const seen = parseSaved(stdout).get('nat');
      const meant = parseSaved(batch).get('nat');
      for (const [chain, rules] of meant ?? [])
        expect(seen?.get(chain), `${tool} ${chain}`).toEqual(rules.map((rule) => normalRule(rule, 'IPv4')));
      for (const table of ['nat', 'filter', 'mangle']) {
        await lab.kernel.run(tool, ['-t', table, '-F']);
        await lab.kernel.run(tool, ['-t', table, '-X']);
      }
    }
  });
});
