import type { NftFamily } from '../../kernel/nft.ts';

/** What ties a base chain to netfilter. */
export interface Hook {
  readonly type: 'filter' | 'nat';
  readonly hook: string;
  readonly priority: number;
}

export interface Chain {
  /** Base chains only. */
  readonly hook?: Hook;
  readonly comment?: string;
  /** As after `add rule FAMILY TABLE CHAIN `. */
  readonly rules: readonly string[];
}

/** A set, or a map when its type has a colon. */
export interface NftSet {
  /** `ipv4_addr . inet_proto . inet_service : verdict`: as nft lists it. */
  readonly type: string;
  /** How the type is written where nft cannot take it as it lists it: `typeof …`. */
  readonly typeof?: string;
  readonly flags?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
  readonly size?: number;
  readonly comment?: string;
  /** Its elements come from packets; those are not ours to compare. */
  readonly learned?: boolean;
}

/** One element of a set or map; `key` is its identity. */
export interface Element {
  readonly set: string;
  readonly key: string;
  readonly value?: string;
  readonly comment?: string;
}

/** The table of one address family: all that a proxy in nftables mode wants in the kernel. */
export interface Table {
  readonly sets: Map<string, NftSet>;
  readonly chains: Map<string, Chain>;
  /** By set, then by key. */
  readonly elements: Map<string, Map<string, Element>>;
}

export const tableName = 'kube-proxy';

export function emptyTable(): Table {
  return { sets: new Map(), chains: new Map(), elements: new Map() };
}

/** The commands of `nft -f` for one table. */
export interface Commands {
  readonly addTable: string;
  readonly deleteTable: string;
  addSet(name: string, set: NftSet): string;
  deleteSet(name: string): string;
  addChain(name: string, chain: Chain): string;
  flushChain(name: string): string;
  deleteChain(name: string): string;
  addRules(name: string, chain: Chain): string[];
  /** All of one set. */
  addElements(elements: readonly Element[]): string;
  deleteElements(elements: readonly Element[]): string;
}

export function commandsFor(family: NftFamily): Commands {
  const at = (verb: string, what: string, name: string) => `${verb} ${what} ${family} ${tableName} ${name}`;
  const kind = (set: NftSet) => (set.type.includes(' : ') ? 'map' : 'set');
  const setOf = (elements: readonly Element[]) => elements[0]?.set ?? '';
  return {
    addTable: `add table ${family} ${tableName} { comment "rules for kube-proxy" ; }`,
    deleteTable: `delete table ${family} ${tableName}`,
    addSet: (name, set) => `${at('add', kind(set), name)} { ${declaration(set)} }`,
    deleteSet: (name) => at('delete', 'set', name),
    addChain(name, { hook, comment }) {
      const parts = [
        ...(hook ? [`type ${hook.type} hook ${hook.hook} priority ${hook.priority} ;`] : []),
        ...(comment ? [`comment "${comment}" ;`] : []),
      ];
      return `${at('add', 'chain', name)}${parts.length > 0 ? ` { ${parts.join(' ')} }` : ''}`;
    },
    flushChain: (name) => at('flush', 'chain', name),
    deleteChain: (name) => at('delete', 'chain', name),
    addRules: (name, { rules }) => rules.map((rule) => `${at('add', 'rule', name)} ${rule}`),
    addElements: (elements) =>
      `${at('add', 'element', setOf(elements))} { ${elements.map(elementText).join(', ')} }`,
    deleteElements: (elements) =>
      `${at('delete', 'element', setOf(elements))} { ${elements.map(({ key }) => key).join(', ')} }`,
  };
}

function declaration({ type, typeof: written, flags, timeout, size, comment }: NftSet): string {
  const parts = [written ? `typeof ${written}` : `type ${type}`];
  if (flags) parts.push(`flags ${flags.join(',')}`);
  if (timeout) parts.push(`timeout ${timeout}s`);
  if (size) parts.push(`size ${size}`);
  if (comment) parts.push(`comment "${comment}"`);
  return parts.map((part) => `${part} ;`).join(' ');
}

function elementText({ key, value, comment }: Element): string {
  return `${key}${comment ? ` comment "${comment}"` : ''}${value === undefined ? '' : ` : ${value}`}`;
}

/** The whole table as text for `nft -f`, one element a line, as upstream's tests print it. */
export function tableText({ sets, chains, elements }: Table, family: NftFamily): string {
  const write = commandsFor(family);
  const lines = [write.addTable];
  for (const [name, set] of sets) lines.push(write.addSet(name, set));
  for (const [name, chain] of chains) lines.push(write.addChain(name, chain));
  for (const [name, chain] of chains) lines.push(...write.addRules(name, chain));
  for (const own of elements.values()) for (const one of own.values()) lines.push(write.addElements([one]));
  return `${lines.join('\n')}\n`;
}
