import { parseCidr, widthOf } from '../model/address.ts';
import type { TableName } from './rules.ts';

/** One rule taken apart. Options stand under their long name: `--source`, `--dport`, `--jump`. */
export interface ParsedRule {
  readonly options: ReadonlyMap<string, { readonly negated: boolean; readonly value: string }>;
}

/** Rules of each chain of each table, in order, as after `-A CHAIN `. */
export type Saved = ReadonlyMap<TableName, ReadonlyMap<string, readonly string[]>>;

const longNames: Record<string, string> = {
  '-p': '--protocol',
  '-s': '--source',
  '-d': '--destination',
  '-i': '--in-interface',
  '-o': '--out-interface',
  '-j': '--jump',
  '-g': '--goto',
  '--src': '--source',
  '--dst': '--destination',
};

/** Reads what `iptables-save` prints, or what is given to `iptables-restore`. */
export function parseSaved(text: string): Saved {
  const tables = new Map<TableName, Map<string, string[]>>();
  let chains = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      const name = line.slice(1).trim() as TableName;
      chains = tables.get(name) ?? new Map();
      tables.set(name, chains);
    } else if (line.startsWith(':')) chains.set(line.slice(1).split(' ', 1)[0] ?? '', []);
    else if (line.startsWith('-A ')) {
      const end = line.indexOf(' ', 3);
      const chain = line.slice(3, end < 0 ? undefined : end);
      const rules = chains.get(chain) ?? [];
      rules.push(end < 0 ? '' : line.slice(end + 1));
      chains.set(chain, rules);
    }
  }
  return tables;
}

export function parseRule(text: string): ParsedRule {
  const options = new Map<string, { negated: boolean; value: string }>();
  const words = splitWords(text);
  let negated = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word === '!') {
      negated = true;
      continue;
    }
    const name = longNames[word] ?? word;
    let next = words[i + 1];
    // Old spelling: `-m mark --mark ! 1`.
    if (next === '!' && words[i + 2]?.startsWith('-') === false) {
      negated = true;
      next = words[++i + 1];
    }
    const hasValue = next !== undefined && next !== '!' && (!next.startsWith('-') || /^-\d/.test(next));
    if (hasValue) i++;
    if (name !== '-m') options.set(name, { negated, value: hasValue ? (next as string) : '' });
    negated = false;
  }
  return { options };
}

/**
 * A text that is the same for two spellings of one rule: the order of matches, `/32`, marks as
 * `--or-mark` or `--set-xmark`, probabilities as the kernel keeps them (parts of 2^31), and values that
 * the tools print although they are the default.
 */
export function canonicalRule(text: string): string {
  const parts: string[] = [];
  for (const [name, { negated, value }] of parseRule(text).options) {
    const normal = normalize(name, value);
    if (normal !== undefined) parts.push(`${negated ? '!' : ''}${normal}`);
  }
  return parts.sort().join(' ');
}

function normalize(name: string, value: string): string | undefined {
  switch (name) {
    case '--source':
    case '--destination':
      return `${name}=${parseCidr(value.includes('/') ? value : `${value}/${widthOf(value.includes(':') ? 'IPv6' : 'IPv4')}`)?.text ?? value}`;
    case '--ctstate':
      return `${name}=${value.split(',').sort().join(',')}`;
    case '--probability':
      return `${name}=${Math.round(Number(value) * 2 ** 31)}`;
    case '--or-mark':
      return `--set-xmark=${Number(value)}/${Number(value)}`;
    case '--xor-mark':
      return `--set-xmark=${Number(value)}/0`;
    case '--set-xmark':
    case '--mark':
      return `${name}=${value.split('/').map(Number).join('/')}`;
    case '--rsource':
      return undefined;
    case '--mask':
      return /^(255\.255\.255\.255|(ffff:){7}ffff)$/.test(value) ? undefined : `${name}=${value}`;
    case '--reject-with':
      return /^icmp6?-port-unreachable$/.test(value) ? undefined : `${name}=${value}`;
    default:
      return `${name}=${value}`;
  }
}

function splitWords(text: string): string[] {
  if (!text.includes('"')) return text.split(' ').filter(Boolean);
  return Array.from(text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g), ([, quoted, bare]) =>
    quoted === undefined ? (bare ?? '') : quoted.replace(/\\(.)/g, '$1'),
  );
}
