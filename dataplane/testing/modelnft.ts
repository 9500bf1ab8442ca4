/** The part of a model kernel that `nft` speaks to: understands just the commands that nftables mode writes. */
export interface ModelNft {
  /** Undefined for what is no command of nft's; throws what nft would refuse. */
  answer(call: string, input: string): string | undefined;
}

interface ModelSet {
  readonly type: string;
  readonly timeout: number;
  readonly learned: boolean;
  readonly elements: Map<string, { value?: string; comment?: string }>;
}

interface ModelChain {
  readonly hook: string;
  rules: string[];
}

interface ModelTable {
  readonly sets: Map<string, ModelSet>;
  readonly chains: Map<string, ModelChain>;
}

type Tables = Map<string, ModelTable>;

export function createModelNft(): ModelNft {
  let tables: Tables = new Map();
  return {
    answer(call, input) {
      const [tool, ...words] = call.split(' ');
      if (tool !== 'nft') return undefined;
      const listed = words.join(' ');
      if (listed === '-f -') {
        const copy = structuredClone(tables);
        for (const line of input.split('\n').filter(Boolean)) {
          try {
            carryOut(copy, line);
          } catch (error) {
            throw new Error(`${error instanceof Error ? error.message : error}: ${line}`, { cause: error });
          }
        }
        for (const table of copy.values()) checkReferences(table);
        tables = copy;
        return '';
      }
      if (listed.startsWith('list tables'))
        return [...tables.keys()].map((name) => `table ${name} kube-proxy\n`).join('');
      const [, , kind, family = '', , name = ''] = words;
      const table = tables.get(family);
      if (!table) throw new Error('Error: No such file or directory');
      if (kind === 'table') return JSON.stringify({ nftables: objectsOf(table) });
      const set = table.sets.get(name);
      return JSON.stringify({ nftables: set ? [setObject(name, set)] : [] });
    },
  };
}

/** `add element ip kube-proxy NAME { … }` → `add element`, `ip`, `NAME`, and what follows. */
const command = /^(\w+) (\w+) (ip6?) kube-proxy ?(\S*) ?(.*)$/;

function carryOut(tables: Tables, line: string): void {
  const [, verb = '', kind = '', family = '', name = '', rest = ''] = command.exec(line) ?? [];
  if (kind === 'table') {
    if (verb === 'delete') tables.delete(family);
    else if (!tables.has(family)) tables.set(family, { sets: new Map(), chains: new Map() });
    return;
  }
  const table = tables.get(family);
  if (!table) throw new Error('no table');
  const { sets, chains } = table;
  const there = <T>(map: ReadonlyMap<string, T>) => {
    const found = map.get(name);
    if (found === undefined) throw new Error('No such file or directory');
    return found;
  };
  const absent = (map: ReadonlyMap<string, unknown>) => {
    if (map.has(name)) throw new Error('File exists');
  };
  switch (`${verb} ${kind}`) {
    case 'add set':
    case 'add map':
      absent(sets);
      sets.set(name, declaredSet(rest));
      return;
    case 'delete set':
    case 'delete map':
      there(sets);
      if (rulesOf(table).some((rule) => rule.split(/[ ,]/).includes(`@${name}`) || updates(rule, name)))
        throw new Error('Device or resource busy');
      sets.delete(name);
      return;
    case 'add chain':
      absent(chains);
      chains.set(name, { hook: /type [^;]*/.exec(rest)?.[0].trim() ?? '', rules: [] });
      return;
    case 'flush chain':
      there(chains).rules = [];
      return;
    case 'delete chain':
      if (there(chains).rules.length > 0) throw new Error('Device or resource busy');
      chains.delete(name);
      return;
    case 'add rule':
      checkTargets(table, rest);
      there(chains).rules.push(rest);
      return;
    case 'add element':
      for (const element of elementsIn(rest)) addElement(table, there(sets), element);
      return;
    case 'delete element':
      for (const element of elementsIn(rest))
        if (!there(sets).elements.delete(element)) throw new Error(`no element ${element}`);
      return;
    default:
      throw new Error('unknown command');
  }
}

function declaredSet(text: string): ModelSet {
  const field = (name: string) => new RegExp(`\\b${name} ([^;]*?) ;`).exec(text)?.[1];
  const timeout = Number.parseInt(field('timeout') ?? '0', 10);
  const learned = timeout > 0 || /timeout|dynamic/.test(field('flags') ?? '');
  return { type: field('type') ?? typeOf(field('typeof') ?? ''), timeout, learned, elements: new Map() };
}

/** A `typeof` as nft lists it. */
const typeOf = (expressions: string) =>
  expressions
    .replace(/\bip daddr/g, 'ipv4_addr')
    .replace(/\bip6 daddr/g, 'ipv6_addr')
    .replace(/\w+ dport/g, 'inet_service')
    .replace('numgen random mod 65536', 'integer');

const elementsIn = (braces: string) => braces.replace(/^\{ | \}$/g, '').split(', ');

function addElement(table: ModelTable, { elements }: ModelSet, text: string): void {
  const [, key = '', comment, value] = /^(.*?)(?: comment "([^"]*)")?(?: : (.*))?$/.exec(text) ?? [];
  if (elements.has(key)) throw new Error(`File exists: ${key}`);
  if (value) checkTargets(table, value);
  elements.set(key, { ...(value ? { value } : {}), ...(comment ? { comment } : {}) });
}

const rulesOf = ({ chains }: ModelTable) => [...chains.values()].flatMap(({ rules }) => rules);
const updates = (rule: string, set: string) => new RegExp(`\\b(update|add) @?${set} \\{`).test(rule);

function checkTargets({ chains, sets }: ModelTable, text: string): void {
  for (const [, target = ''] of text.matchAll(/\b(?:goto|jump) ([^\s,}]+)/g))
    if (!chains.has(target)) throw new Error(`no chain ${target}`);
  for (const [, set = ''] of text.matchAll(/@([^\s,}]+)/g))
    if (!sets.has(set)) throw new Error(`no set ${set}`);
}

/** What a chain or a set is needed for keeps it from going. */
function checkReferences(table: ModelTable): void {
  for (const rule of rulesOf(table)) checkTargets(table, rule);
  for (const { elements } of table.sets.values())
    for (const { value } of elements.values()) if (value) checkTargets(table, value);
}

/** As `nft -j list table` tells of them, but that a rule is one piece of text. */
function objectsOf({ sets, chains }: ModelTable): object[] {
  return [
    ...[...sets].map(([name, set]) => setObject(name, set)),
    ...[...chains].map(([name, { hook }]) => {
      const [, type, at, prio] = /^type (\w+) hook (\w+) priority (\S+)$/.exec(hook) ?? [];
      return { chain: { name, ...(type ? { type, hook: at, prio: Number(prio) } : {}) } };
    }),
    ...[...chains].flatMap(([chain, { rules }]) => rules.map((text) => ({ rule: { chain, expr: [text] } }))),
  ];
}

function setObject(name: string, { type, timeout, learned, elements }: ModelSet): object {
  const [key = '', data] = type.split(' : ');
  const elem = [...elements].map(([text, { value, comment }]) => {
    const left = comment ? { elem: { val: text, comment } } : text;
    return data === undefined ? left : [left, value ?? ''];
  });
  const fields = {
    name,
    type: key,
    elem,
    ...(timeout ? { timeout } : {}),
    ...(learned ? { flags: ['timeout'] } : {}),
  };
  return data === undefined ? { set: fields } : { map: { ...fields, map: data } };
}
