import { RestoreError } from '../../kernel/iptables.ts';
import type { Saved } from './parse.ts';

/**
 * Chains of Services that are gone, but that rules of somebody else lead to. The kernel does not delete these, and
 * refuses all that was to be written with the deletion; so they are emptied, and deleted when nothing leads there.
 */
export interface HeldChains {
  readonly names: ReadonlySet<string>;
  /** Learns from what the kernel refused. */
  learn(error: unknown): void;
  /** A batch without the deletions that would be refused. */
  spare(batch: string): string;
  /** Forgets those that nothing leads to any more. */
  look(saved: Saved): void;
}

export function createHeldChains(): HeldChains {
  const names = new Set<string>();
  return {
    names,
    learn(error) {
      const [, chain] = (error instanceof RestoreError && /^-X (\S+)$/.exec(error.line ?? '')) || [];
      if (chain) names.add(chain);
    },
    spare(batch) {
      if (names.size === 0) return batch;
      return batch.replace(/^-X (\S+)\n/gm, (line, chain: string) => (names.has(chain) ? '' : line));
    },
    look(saved) {
      const rules = [...saved.values()].flatMap((chains) => [...chains.values()].flat());
      for (const chain of names)
        if (!rules.some((rule) => /-[jg] (\S+)/.exec(rule)?.[1] === chain)) names.delete(chain);
    },
  };
}
