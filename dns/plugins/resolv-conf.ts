import { readFileSync } from 'node:fs';
import { fqdn } from '../wire/names.ts';

/** The zones of the last `search` or `domain` line of a resolv.conf(5), normalised. Throws system errors. */
export function searchPathOf(file: string): string[] {
  const lines = [...readFileSync(file, 'utf8').matchAll(/^[ \t]*(?:search|domain)[ \t]+(.*)$/gm)];
  const words = (lines.at(-1)?.[1] ?? '').split(/\s+/).filter((word) => word !== '');
  return words.map((word) => fqdn(word).toLowerCase());
}
