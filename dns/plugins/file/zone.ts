import type { ResourceRecord, Soa } from '../../wire/message.ts';
import { typeOf } from '../../wire/message.ts';
import { isSubdomain, labelsOf } from '../../wire/names.ts';

/** Records by type, in the order of the file. */
export type Node = ReadonlyMap<string, readonly ResourceRecord[]>;

/** A zone as it is looked up: names in lower case. */
export interface Zone {
  readonly origin: string;
  readonly soa: ResourceRecord & { type: 'SOA'; data: Soa };
  /** NS records of the zone itself. */
  readonly ns: readonly ResourceRecord[];
  node(name: string): Node | undefined;
  /** Is there a name below this one? Then it exists, though it may have no records (RFC 8020). */
  hasBelow(name: string): boolean;
  /** Every record, SOA first. */
  records(): Iterable<ResourceRecord>;
}

/** Builds a zone. Throws an Error when there is no SOA for the origin; records outside of it are left out. */
export function createZone(origin: string, records: readonly ResourceRecord[], file: string): Zone {
  const nodes = new Map<string, Map<string, ResourceRecord[]>>();
  const inner = new Set<string>();
  let soa: Zone['soa'] | undefined;
  for (const record of records) {
    const owner = record.name.toLowerCase();
    if (!isSubdomain(origin, owner)) continue;
    if (record.type === 'SOA') {
      if (owner === origin) soa ??= { ...record, name: owner };
      continue;
    }
    const node = nodes.get(owner) ?? new Map<string, ResourceRecord[]>();
    nodes.set(owner, node);
    const list = node.get(typeOf(record)) ?? [];
    node.set(typeOf(record), list);
    list.push({ ...record, name: owner });
    for (const parent of parentsOf(owner, origin)) inner.add(parent);
  }
  if (!soa) throw new Error(`file ${JSON.stringify(file)} has no SOA record for origin ${origin}`);
  const apex = soa;
  return {
    origin,
    soa,
    ns: nodes.get(origin)?.get('NS') ?? [],
    node: (name) => nodes.get(name),
    hasBelow: (name) => inner.has(name),
    *records() {
      yield apex;
      yield* [...(nodes.get(origin)?.values() ?? [])].flat();
      for (const [owner, node] of nodes) if (owner !== origin) yield* [...node.values()].flat();
    },
  };
}

/** The names between a name and the origin, the origin too, the name itself not. */
export function parentsOf(name: string, origin: string): string[] {
  const parents: string[] = [];
  const labels = labelsOf(name);
  const least = labelsOf(origin).length;
  while (labels.length > least) {
    labels.shift();
    parents.push(labels.length > 0 ? `${labels.join('.')}.` : '.');
  }
  return parents;
}
