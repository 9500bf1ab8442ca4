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

/** One option of a rule, in its place. `-m` opens a match; what follows until the next one belongs to it. */
export interface RuleOption {
  /** Long, as in {@link ParsedRule}, or `-m`. */
  readonly name: string;
  readonly negated: boolean;
  /** Empty for a flag. */
  readonly value: string;
}

/** The options of a rule in the order they are written. */
export function ruleOptions(text: string): RuleOption[] {
  const options: RuleOption[] = [];
  const words = splitWords(text);
  let negated = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word === '!') {
      negated = true;
      continue;
    }
    let next = words[i + 1];
    // Old spelling: `-m mark --mark ! 1`.
    if (next === '!' && words[i + 2]?.startsWith('-') === false) {
      negated = true;
      next = words[++i + 1];
    }
    const hasValue = next !== undefined && next !== '!' && (!next.startsWith('-') || /^-\d/.test(next));
    if (hasValue) i++;
    options.push({ name: longNames[word] ?? word, negated, value: hasValue ? (next as string) : '' });
    negated = false;
  }
  return options;
}

/** A rule by its options, wherever they stand in it. */
export function parseRule(text: string): ParsedRule {
  const options = ruleOptions(text).filter(({ name }) => name !== '-m');
  return { options: new Map(options.map(({ name, ...option }) => [name, option])) };
}

function splitWords(text: string): string[] {
  if (!text.includes('"')) return text.split(' ').filter(Boolean);
  return Array.from(text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g), ([, quoted, bare]) =>
    quoted === undefined ? (bare ?? '') : quoted.replace(/\\(.)/g, '$1'),
  );
}
