import type { Family } from '../../../api/address.ts';
import type { Kernel } from '../../../kernel/run.ts';
import { emulatedVersions } from '../../iptables/versions.ts';
import { renderRules } from '../../render.ts';
import { printed } from '../../testing/printed.ts';
import { randomConfiguration, randomFrom, randomObjects } from '../../testing/random.ts';

/** How many random texts are tried with IPVS in the kernel: few with every change, many for a soak. */
export const textCount = Number(process.env.V9S_IPVS_TEXTS ?? 4);

/** What one rendering of IPVS mode has for each tool. */
export interface IpvsTexts {
  readonly family: Family;
  readonly sets: string;
  readonly rules: string;
  readonly servers: string;
}

const schedulers = ['rr', 'wrr', 'lc', 'wlc', 'sh', 'dh', 'mh', 'sed', 'nq', 'lblc', 'lblcr'];

/** Any objects, configuration, scheduler and release, by the seed. Families take turns. */
export async function randomTexts(seed: number): Promise<IpvsTexts> {
  const random = randomFrom(seed);
  const family = seed % 2 ? 'IPv6' : 'IPv4';
  const text = await renderRules({
    objects: randomObjects(random),
    configuration: {
      ...randomConfiguration(random),
      ipvs: { scheduler: schedulers[random(schedulers.length)] ?? '' },
    },
    nodeName: 'worker',
    family,
    mode: 'ipvs',
    emulatedVersion: emulatedVersions[random(emulatedVersions.length)],
  });
  const [sets = '', rules = '', servers = ''] = text
    .split(/^# (?:ipset restore|ip6?tables-restore|ipvsadm --restore)\n/m)
    .slice(1);
  return { family, sets, rules, servers };
}

/** Has the kernel take sets, and the tools of one tool set look at the rules; nothing is left. */
export async function tryRules(kernel: Kernel, tools: 'nft' | 'legacy', texts: IpvsTexts): Promise<void> {
  const restore = `${texts.family === 'IPv4' ? 'iptables' : 'ip6tables'}-${tools}-restore`;
  await kernel.run('ipset', ['restore'], { input: texts.sets });
  await kernel.run(restore, ['--test'], { input: texts.rules });
  await kernel.run('ipset', ['destroy']);
}

/** The texts as the tools print them once the kernel has them; nothing is left. */
export async function printedTexts(kernel: Kernel, texts: IpvsTexts): Promise<IpvsTexts> {
  const tool = texts.family === 'IPv4' ? 'iptables-legacy' : 'ip6tables-legacy';
  try {
    await kernel.run('ipset', ['restore'], { input: texts.sets });
    const rules = await printed(kernel, tool, texts.rules);
    const { stderr } = await kernel.run('ipvsadm', ['--restore'], { input: texts.servers });
    const [sets, servers] = [await kernel.run('ipset', ['save']), await kernel.run('ipvsadm', ['-S', '-n'])];
    return { family: texts.family, sets: sets.stdout, rules, servers: stderr + servers.stdout };
  } finally {
    await kernel.run('ipvsadm', ['--clear']);
    for (const table of ['filter', 'nat']) {
      await kernel.run(tool, ['-t', table, '-F']);
      await kernel.run(tool, ['-t', table, '-X']);
    }
    await kernel.run('ipset', ['destroy']);
  }
}

/** For comparing: in any order, without what the tools add. */
export function comparable({ sets, rules, servers }: IpvsTexts): readonly string[][] {
  const lines = (text: string) => text.split('\n').filter(Boolean).sort();
  const plain = sets.replaceAll(/ bucketsize \d+ initval \S+/g, '').replaceAll(/ hashsize \d+/g, '');
  return [lines(plain), lines(rules), lines(servers)];
}
