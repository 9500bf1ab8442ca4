import { afterAll, beforeAll, expect, test } from 'vitest';
import { nftApply, nftListTable } from '../../kernel/nft.ts';
import { renderRules } from '../render.ts';
import { randomConfiguration, randomFrom, randomObjects } from '../testing/random.ts';
import { startTestNode, type TestNode } from '../testing/sandbox.ts';
import { everything } from './diff.ts';
import { parseListed } from './listed.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node[Symbol.asyncDispose]());

const cases = (['upstream', 'flat'] as const).flatMap((layout) =>
  (['IPv4', 'IPv6'] as const).map((family) => [layout, family] as const),
);

test.each(cases)('nft takes every rendered text: %s, %s', async (layout, family) => {
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
    await nftApply(node.kernel, text, { check: true });
    expect(await nftListTable(node.kernel, ip, 'kube-proxy'), 'only looked at').toBeUndefined();
    await nftApply(node.kernel, text);
    const listed = parseListed((await nftListTable(node.kernel, ip, 'kube-proxy')) ?? []);
    // Every name of the text stands in the kernel; that the rules mean the same is the histories' matter.
    const { chains, sets } = everything(undefined, listed);
    expect(chains.size + sets.size).toBe(text.match(/^add (chain|set|map) /gm)?.length);
    await node.kernel.run('nft', ['delete', 'table', ip, 'kube-proxy']);
  }
});
