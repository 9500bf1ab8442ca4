import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Plugin } from '../../plugin.ts';

/** Says on which addresses a server block listens. */
export const bind: Plugin = {
  name: 'bind',
  setup({ tokens, block }) {
    while (tokens.next()) {
      const wanted = new Set(tokens.args(1, Number.POSITIVE_INFINITY).flatMap(addresses));
      while (tokens.nextBlock()) {
        if (tokens.value !== 'except') throw tokens.unknownProperty();
        for (const text of tokens.args(1, Number.POSITIVE_INFINITY))
          for (const address of addresses(text)) wanted.delete(address);
      }
      for (const address of wanted) if (!block.hosts.includes(address)) block.hosts.push(address);
    }
    return undefined;

    /** An address stands for itself, an interface for the addresses it has now. */
    function addresses(text: string): string[] {
      if (isIP(text)) return [text];
      const found = networkInterfaces()[text];
      if (!found) throw tokens.error(`not a valid IP address or interface name: ${JSON.stringify(text)}`);
      return found.map(({ address, scopeid }) => (scopeid ? `${address}%${text}` : address));
    }
  },
};
