import type { NftFamily, NftObject } from '../../kernel/nft.ts';
import { normalRule, ruleText, valueText } from './listedrule.ts';
import {
  type Chain,
  type Element,
  emptyTable,
  type Hook,
  type NftSet,
  type Table,
  tableName,
} from './table.ts';

/** A table as `nft -j list table` tells of it. Rules are in {@link normalRule}'s wording. */
export function parseListed(objects: readonly NftObject[]): Table {
  const table = emptyTable();
  for (const object of objects) {
    const [kind, value] = Object.entries(object)[0] ?? [];
    const fields = value as Record<string, unknown>;
    if (kind === 'set' || kind === 'map') addSet(table, fields);
    else if (kind === 'chain')
      table.chains.set(String(fields.name), { ...hookOf(fields), rules: [] satisfies string[] });
    else if (kind === 'rule') {
      const rules = table.chains.get(String(fields.chain))?.rules as string[] | undefined;
      rules?.push(ruleText(fields));
    }
  }
  return table;
}

/** The tables `kube-proxy` of both families in what `nft -j list ruleset` prints. Throws where it is no JSON. */
export function parseListedTables(text: string): Map<NftFamily, Table> {
  const { nftables = [] } = JSON.parse(text) as { nftables?: NftObject[] };
  const tables = new Map<NftFamily, Table>();
  for (const family of ['ip', 'ip6'] as const) {
    const own = nftables.filter((object) => {
      const fields = Object.values(object)[0] as Record<string, unknown> | undefined;
      return fields?.family === family && (fields.table ?? fields.name) === tableName;
    });
    if (own.length > 0) tables.set(family, parseListed(own));
  }
  return tables;
}

/**
 * The listed table in the words of the wanted one wherever both mean the same, so that what is compared
 * afterwards is what differs.
 */
export function inWordsOf(listed: Table, wanted: Table): Table {
  const chains = new Map<string, Chain>();
  for (const [name, chain] of listed.chains) {
    const wants = wanted.chains.get(name);
    chains.set(name, wants && sameMeaning(chain, wants) ? wants : chain);
  }
  return { ...listed, chains };
}

function sameMeaning({ rules, hook }: Chain, wants: Chain): boolean {
  return (
    JSON.stringify(hook) === JSON.stringify(wants.hook) &&
    rules.length === wants.rules.length &&
    rules.every((rule, i) => rule === normalRule(wants.rules[i] ?? ''))
  );
}

function hookOf({ type, hook, prio }: Record<string, unknown>): { hook?: Hook } {
  if (hook === undefined) return {};
  return { hook: { type: type as Hook['type'], hook: String(hook), priority: Number(prio) } };
}

function addSet(table: Table, fields: Record<string, unknown>): void {
  const name = String(fields.name);
  const key = [fields.type].flat().join(' . ');
  const data = fields.map === undefined ? '' : ` : ${[fields.map].flat().join(' . ')}`;
  const flags = [fields.flags ?? []].flat() as string[];
  const learned = flags.includes('timeout');
  table.sets.set(name, {
    type: key + data,
    ...(fields.timeout ? { timeout: Number(fields.timeout) } : {}),
    learned,
  } satisfies NftSet);
  // What packets put there is neither ours nor worth its memory.
  if (learned) return;
  const own = new Map<string, Element>();
  for (const element of (fields.elem as unknown[] | undefined) ?? []) {
    const parsed = parseElement(name, element, data !== '');
    own.set(parsed.key, parsed);
  }
  table.elements.set(name, own);
}

function parseElement(set: string, element: unknown, isMap: boolean): Element {
  const [left, right] = isMap ? (element as [unknown, unknown]) : [element, undefined];
  const inner = (left as { elem?: { val: unknown; comment?: string } } | null)?.elem;
  return {
    set,
    key: valueText(inner ? inner.val : left),
    ...(right === undefined ? {} : { value: valueText(right) }),
    ...(inner?.comment ? { comment: inner.comment } : {}),
  };
}

/** The elements of a learned map, as `nft -j list map` tells of it: key → value. */
export function parseLearned(objects: readonly NftObject[]): Map<string, string> {
  const learned = new Map<string, string>();
  for (const object of objects) {
    const { elem = [] } = (object.map ?? {}) as { elem?: unknown[] };
    for (const one of elem) {
      const { key, value = '' } = parseElement('', one, true);
      learned.set(key, value);
    }
  }
  return learned;
}
