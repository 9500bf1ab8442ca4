import type { Family } from '../../api/address.ts';
import { CommandError, type Kernel } from '../../kernel/run.ts';
import { normalRule } from '../iptables/normal.ts';
import type { Saved } from '../iptables/parse.ts';
import { applyBatch, emptyKernel } from './kernel.ts';
import { createModelIpvs } from './modelipvs.ts';
import { createModelNft } from './modelnft.ts';

/**
 * A kernel that is a value: it takes what the proxy modes give to the tools, is stricter than the real one (what
 * is there already cannot be added, what is not there cannot go), and prints what it holds as the tools do. No
 * process is started, so thousands of histories can be tried.
 */
export function createModelKernel(): Kernel {
  const iptables: Record<Family, Saved> = { IPv4: emptyKernel, IPv6: emptyKernel };
  const nft = createModelNft();
  const ipvs = createModelIpvs();
  return {
    async run(file, args, { input = '' } = {}) {
      const family = file.startsWith('ip6') ? 'IPv6' : 'IPv4';
      const call = [file, ...args].join(' ');
      try {
        if (/^ip6?tables-save$/.test(file)) return output(savedText(iptables[family], family));
        if (/^ip6?tables-restore$/.test(file)) {
          iptables[family] = applyBatch(iptables[family], input, (rule) => normalRule(rule, family));
          return output('');
        }
        const answer = nft.answer(call, input) ?? ipvs.answer(call, input);
        if (answer !== undefined) return output(answer);
        if (file === 'sysctl') return output('');
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        throw new CommandError({ file, args, input }, 1, said, said);
      }
      throw new Error(`${call}: the model kernel has no such command`);
    },
  };
}

const output = (stdout: string) => ({ stdout, stderr: '' });

function savedText(saved: Saved, family: Family): string {
  const lines: string[] = [];
  for (const [table, chains] of saved) {
    lines.push(`*${table}`, ...[...chains.keys()].map((chain) => `:${chain} - [0:0]`));
    for (const [chain, rules] of chains)
      lines.push(...rules.map((rule) => `-A ${chain} ${normalRule(rule, family)}`));
    lines.push('COMMIT');
  }
  return `${lines.join('\n')}\n`;
}
