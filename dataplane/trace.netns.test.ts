import { afterAll, beforeAll, expect, test } from 'vitest';
import { nftApply } from '../kernel/nft.ts';
import { renderRules } from './render.ts';
import { outcomeText } from './testing/flows.ts';
import { randomConfiguration, randomFrom, randomObjects } from './testing/random.ts';
import { startTestNode, type TestNode } from './testing/sandbox.ts';
import { type Packet, readRules, trace } from './trace.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node[Symbol.asyncDispose]());

/** Every kind of sender, to every kind of address that random Services have. */
function packets(family: 'IPv4' | 'IPv6'): Packet[] {
  const four = family === 'IPv4';
  const nodeIps = [four ? '172.18.0.3' : 'fd00:172::3'];
  const sources = four
    ? ['10.244.0.7', '10.244.1.3', '192.0.2.77', ...nodeIps]
    : ['fd00:244::7', 'fd00:244::3', '2001:db8:9::77', ...nodeIps];
  const addresses = four
    ? ['10.96.0.', '192.0.2.', '198.51.100.'].map((start) => `${start}1`)
    : ['fd00:96::1', '2001:db8::1', '2001:db8:1::1'];
  const targets = [
    ...addresses.flatMap((destination) => [80, 81].map((port) => ({ destination, port }))),
    ...[30002, 30003].map((port) => ({ destination: nodeIps[0] ?? '', port })),
  ];
  return ['tcp', 'udp', 'sctp'].flatMap((protocol) =>
    sources.flatMap((source) => targets.map((target) => ({ source, ...target, protocol, nodeIps }))),
  );
}

const cases = (['upstream', 'flat'] as const).flatMap((layout) =>
  (['IPv4', 'IPv6'] as const).map((family) => [layout, family] as const),
);

test.each(cases)('what nft prints leads where the rendered text leads: %s, %s', async (layout, family) => {
  const ip = family === 'IPv4' ? 'ip' : 'ip6';
  for (let seed = 0; seed < 6; seed++) {
    const random = randomFrom(seed);
    const text = await renderRules({
      objects: randomObjects(random),
      nodeName: 'worker',
      family,
      mode: 'nftables',
      nftablesLayout: layout,
      configuration: randomConfiguration(random),
    });
    await nftApply(node.kernel, text);
    const listing = readRules((await node.kernel.run('nft', ['list', 'ruleset'])).stdout);
    const listed = readRules((await node.kernel.run('nft', ['-j', 'list', 'ruleset'])).stdout);
    const rendered = readRules(text);
    for (const packet of packets(family)) {
      const expected = outcomeText(trace(rendered, packet));
      expect(outcomeText(trace(listing, packet)), JSON.stringify({ seed, packet })).toBe(expected);
      expect(outcomeText(trace(listed, packet)), JSON.stringify({ seed, packet })).toBe(expected);
    }
    await node.kernel.run('nft', ['delete', 'table', ip, 'kube-proxy']);
  }
});
