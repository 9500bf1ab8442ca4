import { chooseIptablesTools, withIptablesTools } from '../kernel/iptables-tools.ts';
import type { Kernel } from '../kernel/run.ts';
import type { ProxyMode } from './configuration.ts';

/** A kernel whose iptables are those of one tool set. */
export interface ChosenTools {
  readonly kernel: Kernel;
  /** The same kernel with the other tool set, where that one has rules too: they are obeyed as well. */
  other(): Promise<Kernel | undefined>;
}

/**
 * Chooses between the nft and the legacy tools, in modes that write iptables rules. Commands wait for the
 * choice, which begins at once. Mixed tables are told of. When the first command is `iptables-save` and the
 * choice has just run it, it is not run again.
 */
export function chosenTools(kernel: Kernel, mode: ProxyMode, log: (line: string) => void): ChosenTools {
  if (mode === 'nftables') return { kernel, other: async () => undefined };
  const choice = chooseIptablesTools(kernel).then(({ tools, rules, saved }) => {
    const other = tools === 'nft' ? 'legacy' : 'nft';
    const mixed = tools !== undefined && rules[other] > 0;
    if (mixed)
      log(
        `dataplane: iptables rules of both kinds are in force, ${rules.nft} of nft and ${rules.legacy} of legacy; writing with the ${tools} tools`,
      );
    return { tools, saved, other: mixed ? other : undefined } as const;
  });
  let first = true;
  // Whoever runs the next command is told.
  choice.catch(() => undefined);
  const chosen = async () => withIptablesTools(kernel, (await choice).tools);
  const open: Kernel['open'] = async (file, args) => {
    const session = (await chosen()).open?.(file, args);
    if (!session) throw new Error(`${file}: this kernel opens no sessions`);
    return session;
  };
  return {
    kernel: {
      ...kernel,
      async run(file, args, options) {
        const isFirst = first;
        first = false;
        const { saved } = await choice;
        if (isFirst && saved !== undefined && file === 'iptables-save' && args.length === 0)
          return { stdout: saved, stderr: '' };
        return (await chosen()).run(file, args, options);
      },
      ...(kernel.open ? { open } : {}),
    },
    async other() {
      const { other } = await choice;
      return other && withIptablesTools(kernel, other);
    },
  };
}
