import { type Element, emptyTable, type Hook, type Table, tableName } from './table.ts';

/** Where a chain or set is written down while its table is read. */
interface Reader {
  readonly table: Table;
  chain(name: string): { rules: string[] };
  hook(name: string, text: string): void;
  elements(set: string, text: string): void;
}

/**
 * Reads the tables `kube-proxy` from what `nft list ruleset` prints, or from the commands that make one, as
 * `nft -f` takes them. Rules are in the wording that this room writes, for tracing: what only counts is left
 * out, and what sets remember of clients is kept.
 */
export function parseTables(text: string): Map<'ip' | 'ip6', Table> {
  const tables = new Map<'ip' | 'ip6', Table>();
  if (/^add table /m.test(text)) readCommands(text, tables);
  else readListing(text, tables);
  return tables;
}

const isFamily = (text: string): text is 'ip' | 'ip6' => text === 'ip' || text === 'ip6';

function readCommands(text: string, tables: Map<'ip' | 'ip6', Table>): void {
  for (const line of text.split('\n')) {
    const [, kind = '', family = '', table, name = '', rest = ''] =
      /^add (\w+) (\w+) (\S+)(?: (\S+))?(?: (.*))?$/.exec(line) ?? [];
    if (table !== tableName || !isFamily(family)) continue;
    const known = tables.get(family) ?? emptyTable();
    tables.set(family, known);
    const reader = readerOf(known);
    if (kind === 'chain') reader.hook(name, rest);
    else if (kind === 'rule') reader.chain(name).rules.push(inOurWords(rest));
    else if (kind === 'element') reader.elements(name, rest);
    else if (kind === 'set' || kind === 'map') reader.elements(name, '{ }');
  }
}

function readListing(text: string, tables: Map<'ip' | 'ip6', Table>): void {
  let reader: Reader | undefined;
  let block: { kind: string; name: string } | undefined;
  let elements: string | undefined;
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    const [, family = '', table] = /^table (\w+) (\S+) \{/.exec(line) ?? [];
    if (table !== undefined) {
      const known = emptyTable();
      if (table === tableName && isFamily(family)) tables.set(family, known);
      reader = readerOf(known);
      continue;
    }
    if (!reader) continue;
    const [, kind, name = ''] = /^(set|map|chain) (\S+) \{/.exec(line) ?? [];
    if (kind !== undefined && !block) {
      block = { kind, name };
      if (kind === 'chain') reader.chain(name);
      else reader.elements(name, '{ }');
    } else if (block?.kind === 'chain') {
      if (line === '}') block = undefined;
      else if (line.startsWith('type ')) reader.hook(block.name, line);
      else if (line && !line.startsWith('comment ')) reader.chain(block.name).rules.push(inOurWords(line));
    } else if (block) {
      if (line.startsWith('elements = ')) elements = '';
      if (elements !== undefined) elements += ` ${line}`;
      if (elements !== undefined && line.endsWith('}')) {
        reader.elements(block.name, elements.replace(' elements = ', ''));
        elements = undefined;
      } else if (line === '}') block = undefined;
    }
  }
}

function readerOf(table: Table): Reader {
  const chain = (name: string) => {
    const known = table.chains.get(name) ?? { rules: [] };
    table.chains.set(name, known);
    return known as { rules: string[] };
  };
  return {
    table,
    chain,
    hook(name, text) {
      const hook = hookIn(text);
      table.chains.set(name, { ...chain(name), ...(hook ? { hook } : {}) });
    },
    elements(set, text) {
      const own = table.elements.get(set) ?? new Map<string, Element>();
      table.elements.set(set, own);
      for (const one of items(text.trim().replace(/^\{|\}$/g, ''))) {
        const [key = '', value] = one.replace(notes, '').split(/ : (.*)/);
        own.set(key.trim(), {
          set,
          key: key.trim(),
          ...(value === undefined ? {} : { value: value.trim() }),
        });
      }
    },
  };
}

/** What an element says besides its key and value. */
const notes = / (?:comment "[^"]*"|timeout \S+|expires \S+|counter packets \d+ bytes \d+)/g;

/** Separated by commas. */
const items = (text: string) =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean);

const priorities: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
};

/** `type nat hook prerouting priority dstnat - 10; policy accept;` */
function hookIn(text: string): Hook | undefined {
  const [, type = '', hook, name = '', offset = '0'] =
    /type (filter|nat) hook (\w+) priority ([a-z]+|-?\d+)(?: ([+-] \d+))? ?;/.exec(text) ?? [];
  if (hook === undefined) return undefined;
  const priority = (priorities[name] ?? Number(name)) + Number(offset.replace(' ', ''));
  return { type: type as Hook['type'], hook, priority };
}

/** How nft prints a rule is not how it was written. */
function inOurWords(rule: string): string {
  return rule
    .replace(/counter(?: packets \d+ bytes \d+)? ?/g, '')
    .replace(/\bmeta mark set meta mark/g, 'mark set mark')
    .replace(/\bmeta mark\b/g, 'mark')
    .replace(/((?:set )?mark) & (0x[\da-f]+)/g, '$1 and $2')
    .replace(/(set mark) \| /g, '$1 or ')
    .replace(/(set mark) \^ /g, '$1 xor ')
    .replace(/(== |!= |and |or )0x([\da-f]+)/g, (_, sign: string, digits: string) => {
      return sign + String(Number.parseInt(digits, 16));
    })
    .trim();
}
