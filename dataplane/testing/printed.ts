import type { Kernel } from '../../kernel/run.ts';
import { emulatedVersions } from '../iptables/versions.ts';
import { type RenderOptions, renderRules } from '../render.ts';
import { randomConfiguration, randomFrom, randomObjects } from './random.ts';

/** The tool sets that a rendered text is tried with. */
export const tools = [
  ['iptables-nft', 'IPv4'],
  ['iptables-legacy', 'IPv4'],
  ['ip6tables-nft', 'IPv6'],
  ['ip6tables-legacy', 'IPv6'],
] as const;

/**
 * What `…-save` prints once the kernel has the text, without dates and counts of packets. A restore
 * replaces the tables whole.
 */
export async function printed(kernel: Kernel, tool: string, text: string): Promise<string> {
  await kernel.run(`${tool}-restore`, [], { input: text });
  // One table after the other, as an ordinary user has to with the legacy tools.
  const saved: string[] = [];
  for (const table of ['filter', 'nat']) saved.push((await kernel.run(`${tool}-save`, ['-t', table])).stdout);
  return saved
    .join('')
    .replace(/^#.*\n/gm, '')
    .replace(/\[\d+:\d+\]$/gm, '[0:0]');
}

/** One rendered text for any objects and configuration, and the tools to try it with. A quarter is of any release. */
export async function randomText(seed: number): Promise<{ tool: string; text: string }> {
  const random = randomFrom(seed);
  const [tool, family] = tools[random(tools.length)] ?? tools[0];
  const options: RenderOptions = {
    objects: randomObjects(random),
    configuration: randomConfiguration(random),
    nodeName: 'worker',
    family,
    ...(random(4) ? {} : { emulatedVersion: emulatedVersions[random(emulatedVersions.length)] }),
  };
  return { tool, text: await renderRules(options) };
}
