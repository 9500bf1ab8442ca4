import { expect, test } from 'vitest';
import { service, slice } from '../../dataplane/testing/objects.ts';
import { nodeObject } from './api.ts';
import { type Comparison, compareRound, type RuleTexts, seenRules } from './compare.ts';
import { deviationsOf } from './deviations.ts';
import { flowsOf } from './flows.ts';
import { settings } from './settings.ts';

const objects = [
  nodeObject,
  service(
    'ns/web',
    {
      type: 'LoadBalancer',
      clusterIPs: ['10.96.1.10', 'fd00:96::10a'],
      externalIPs: ['192.0.2.1'],
      loadBalancerSourceRanges: ['192.0.2.0/24'],
      ports: [{ name: 'p80', port: 80, nodePort: 30_080 }],
    },
    { loadBalancer: ['198.51.100.1'] },
  ),
  slice('ns/web', ['10.244.1.5', { ip: '10.244.2.5', ready: false, serving: true, terminating: true }]),
  slice('ns/web', [{ ip: 'fd00:244:2::5', ready: false, serving: true, terminating: true }], {
    addressType: 'IPv6',
    suffix: 'b',
  }),
];
const flows = flowsOf(objects);
const eyes = (release: string) => ({
  mode: 'iptables' as const,
  deviations: deviationsOf(release, 'iptables'),
  configuration: settings[0].configuration,
});

async function compared(genuine: RuleTexts, release: string): Promise<Comparison> {
  const ours = new Map([['ours', await seenRules(objects, eyes('1.33'))]]);
  const all = new Map<string, Comparison>();
  await compareRound({ genuine, ours, objects, flows }, eyes(release), all);
  const each = [...all.values()];
  return {
    flows: each.reduce((sum, one) => sum + one.flows, 0),
    same: each.reduce((sum, one) => sum + one.same, 0),
    explained: new Map(each.flatMap(({ explained }) => [...explained])),
    wrong: each.flatMap(({ wrong }) => wrong),
  };
}

test('the same rules lead every flow to the same endpoints', async () => {
  const { same, wrong } = await compared(await seenRules(objects, eyes('1.33')), '1.33');
  expect(wrong).toEqual([]);
  expect(same).toBe(flows.length);
});

test.each([
  [
    'another endpoint',
    (text: string) => text.replace('--to-destination 10.244.1.5:80', '--to-destination 10.244.1.6:80'),
  ],
  ['no masquerading', (text: string) => text.replace('--set-xmark 0x4000/0x4000', '--set-xmark 0x0/0x0')],
  ['no node port', (text: string) => text.replace(/^-A KUBE-NODEPORTS .*$/gm, '')],
  ['no firewall', (text: string) => text.replace(/^-A KUBE-PROXY-FIREWALL .*$/gm, '')],
])('a rule that is otherwise is found: %s', async (_, spoil) => {
  const { IPv4, IPv6 } = await seenRules(objects, eyes('1.33'));
  const { wrong } = await compared({ IPv4: spoil(IPv4), IPv6 }, '1.33');
  expect(wrong.length).toBeGreaterThan(0);
});

test('what an older release does otherwise is foretold, and must be so', async () => {
  const older = await seenRules(objects, eyes('1.25'));
  const { wrong, explained, same } = await compared(older, '1.25');
  expect(wrong).toEqual([]);
  expect(same).toBeLessThan(flows.length);
  expect([...explained.keys()]).toContain('endpoints that terminate serve where no other does');
  // Today's rules are not those of 1.25.
  const { wrong: today } = await compared(await seenRules(objects, eyes('1.33')), '1.25');
  expect(today.length).toBeGreaterThan(0);
});
