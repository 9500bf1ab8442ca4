import { zonesFromArgs } from '../../corefile/zones.ts';
import type { Plugin } from '../../plugin.ts';
import { matchZone } from '../../wire/names.ts';

/** Collects what plugins know about a query, for `log`, `rewrite` and `template`. */
export const metadata: Plugin = {
  name: 'metadata',
  setup({ tokens, block }) {
    tokens.next();
    const zones = zonesFromArgs(tokens.remainingArgs(), block.zones);
    return (next) => (query) => {
      if (matchZone(zones, query.lower) === undefined) return next(query);
      const collected = new Map<string, () => string>();
      for (const provider of block.metadata)
        for (const [label, value] of provider(query)) collected.set(label, value);
      return next({ ...query, metadata: collected });
    };
  },
};
