import { isIP } from 'node:net';
import { canonicalAddress } from '../../wire/addresses.ts';
import { fqdn } from '../../wire/names.ts';

/** 1 to 255; 1 for what the file does not name. */
export type Weights = (name: string, address: string) => number;

/**
 * Reads a weight file: a name on a line of its own, then lines of an address and its weight. Throws an Error that
 * names the line. Upstream: plugin/loadbalance/weighted.go.
 */
export function parseWeights(text: string, file: string): Weights {
  const weights = new Map<string, number>();
  let name = '';
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.split(/\s+/).filter((word) => word !== '');
    const [first = '', second = ''] = words;
    const fail = (problem: string): never => {
      throw new Error(`${file}:${index + 1} - ${problem}`);
    };
    if (words.length === 0 || first.startsWith('#')) continue;
    if (words.length === 1) {
      if (isIP(first)) fail(`wrong domain name: ${first} (maybe a missing weight value?)`);
      name = fqdn(first).toLowerCase();
    } else if (words.length === 2) {
      if (!isIP(first)) fail(`wrong IP address: ${first}`);
      if (!/^\d+$/.test(second) || Number(second) < 1 || Number(second) > 255)
        fail(`wrong weight value: ${second}`);
      if (name === '') fail('missing domain name');
      weights.set(`${name} ${canonicalAddress(first)}`, Number(second));
    } else fail(`could not parse weight line: ${line.trim()}`);
  }
  return (owner, address) => weights.get(`${owner.toLowerCase()} ${canonicalAddress(address)}`) ?? 1;
}
