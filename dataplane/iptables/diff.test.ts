import { expect, test } from 'vitest';
import { proxyConfiguration } from '../configuration.ts';
import { createModel, type Model } from '../model/model.ts';
import { nodeFacts } from '../node.ts';
import { applyBatch, emptyKernel } from '../testing/kernel.ts';
import { service, slice } from '../testing/objects.ts';
import { type Random, randomFrom } from '../testing/random.ts';
import { createRulesBuilder } from './builder.ts';
import { ruleContext } from './context.ts';
import { difference, differenceOf, nothingStands, removal } from './diff.ts';
import { parseSaved, type Saved } from './parse.ts';
import { buildRules, type RuleSet, ruleSetText } from './rules.ts';
import { standingOf } from './standing.ts';

const context = ruleContext(
  proxyConfiguration({ clusterCIDR: '10.244.0.0/16' }),
  nodeFacts('worker', undefined),
  'IPv4',
);
const rulesOf = (model: Model) => buildRules(model.rows().values(), context);

/** The chains of ours, and the hooks, as they stand. */
function shape(saved: Saved): Record<string, string[]> {
  const lines: Record<string, string[]> = {};
  for (const [table, chains] of saved)
    for (const [chain, rules] of chains) lines[`${table} ${chain}`] = [...rules];
  return lines;
}

const fresh = (rules: RuleSet) => applyBatch(emptyKernel, difference(nothingStands, rules).text);

test('from nothing, the batch gives the same tables as the rendered text', () => {
  const model = createModel('IPv4', 'worker');
  model.setService('ns/a', service('ns/a', { clusterIP: '10.96.0.1', ports: [{ name: 'p80', port: 80 }] }));
  model.setSlice('ns/a-a', slice('ns/a', ['10.244.1.5', '10.244.1.6']));
  const rendered = parseSaved(ruleSetText(rulesOf(model), ['filter', 'nat']));
  const got = fresh(rulesOf(model));
  for (const table of ['filter', 'nat'] as const)
    for (const [chain, rules] of rendered.get(table) ?? [])
      expect(got.get(table)?.get(chain), chain).toEqual(rules);
});

test('Services that come and go far apart cost a line each in the chains they share', () => {
  const model = createModel('IPv4', 'worker');
  const set = (i: number, exists = true) => {
    const spec = { clusterIP: `10.96.${i >> 8}.${i & 255}`, ports: [{ name: 'p80', port: 80 }] };
    model.setService(`ns/s${i}`, exists ? service(`ns/s${i}`, spec) : undefined);
  };
  for (let i = 100; i < 500; i++) set(i);
  const builder = createRulesBuilder(context);
  builder.update(model.rows());
  const kernel = fresh(builder.rules);
  model.changes();
  set(1);
  set(900);
  for (const gone of [120, 250, 251, 499]) set(gone, false);
  const changes = builder.update(model.rows(), new Set(model.changes().keys()));
  const { text } = differenceOf(changes, builder.rules);
  expect(text.match(/^-[ID] KUBE-SERVICES /gm)).toHaveLength(6);
  expect(text).not.toMatch(/^-A KUBE-SERVICES /m);
  expect(shape(applyBatch(kernel, text))).toEqual(shape(fresh(rulesOf(model))));
});

function randomEvent(model: Model, random: Random): void {
  const i = random(12);
  const key = `ns/s${i}`;
  if (random(3) === 0) {
    const type = ['ClusterIP', 'NodePort', 'LoadBalancer'][random(3)] ?? 'ClusterIP';
    const ports = Array.from({ length: 1 + random(2) }, (_, n) => ({
      name: `p${n}`,
      port: 80 + n,
      ...(type === 'ClusterIP' ? {} : { nodePort: 30000 + 2 * i + n }),
    }));
    const spec = {
      type,
      clusterIP: `10.96.0.${i}`,
      ports,
      ...(random(4) === 0 ? { sessionAffinity: 'ClientIP' } : {}),
      ...(random(3) === 0 ? { externalTrafficPolicy: 'Local' } : {}),
      ...(random(5) === 0 ? { internalTrafficPolicy: 'Local' } : {}),
      ...(random(4) === 0 ? { loadBalancerSourceRanges: ['192.0.2.0/24'] } : {}),
    };
    const loadBalancer = type === 'LoadBalancer' ? [`198.51.100.${i}`] : [];
    model.setService(key, random(4) === 0 ? undefined : service(key, spec, { loadBalancer }));
  } else {
    const suffix = 'ab'[random(2)] ?? 'a';
    const endpoints = Array.from({ length: random(5) }, () => ({
      ip: `10.244.1.${random(8)}`,
      ...(random(2) ? { node: 'worker' } : {}),
      ...(random(4) ? {} : { ready: false, serving: random(2) === 0, terminating: true }),
    }));
    const portName = `p${random(2)}`;
    model.setSlice(
      `${key}-${suffix}`,
      random(6) === 0 ? undefined : slice(key, endpoints, { suffix, portName }),
    );
  }
}

const whole = Number.POSITIVE_INFINITY;

test.each([
  [1, whole],
  [2, whole],
  [3, whole],
  [4, whole],
  [5, 1],
  [6, 1_200],
  [7, 5_000],
  [8, 25_000],
])(
  'differences lead where a fresh start would, after random events (seed %i, commits of %i bytes)',
  (seed, commitSize) => {
    const random = randomFrom(seed);
    const model = createModel('IPv4', 'worker');
    let builder = createRulesBuilder(context);
    builder.update(model.rows());
    let kernel = applyBatch(emptyKernel, difference(nothingStands, builder.rules, commitSize).text);
    for (let step = 0; step < 60; step++) {
      for (let events = 1 + random(3); events > 0; events--) randomEvent(model, random);
      const changed = new Set(model.changes().keys());
      const changes = builder.update(model.rows(), random(2) ? changed : undefined);
      kernel = applyBatch(kernel, differenceOf(changes, builder.rules, commitSize).text);
      const wanted = rulesOf(model);
      expect(shape(kernel)).toEqual(shape(fresh(wanted)));
      expect(difference(builder.rules, wanted).text).toBe('');
      // Now and then the process dies and another one adopts what stands, which may be of an hour ago.
      if (random(10) === 0) {
        randomEvent(model, random);
        model.changes();
        builder = createRulesBuilder(context);
        builder.update(model.rows());
        const standing = standingOf(kernel, builder.rules);
        kernel = applyBatch(kernel, difference(standing, builder.rules, commitSize).text);
        expect(difference(standingOf(kernel, builder.rules), builder.rules).text).toBe('');
      }
    }
    const left = applyBatch(kernel, removal(kernel, rulesOf(model), commitSize));
    expect([...(left.get('nat')?.keys() ?? [])].filter((chain) => chain.startsWith('KUBE-'))).toEqual([]);
    expect([...(left.get('filter')?.keys() ?? [])].filter((chain) => chain.startsWith('KUBE-'))).toEqual([
      'KUBE-FIREWALL',
    ]);
  },
);
