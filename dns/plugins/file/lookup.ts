import type { Query, Reply, ResourceRecord } from '../../wire/message.ts';
import { emptyReply, Rcode } from '../../wire/message.ts';
import { isSubdomain, labelsOf } from '../../wire/names.ts';
import { type Node, parentsOf, type Zone } from './zone.ts';

/** Asks for a name outside the zone, which a CNAME leads to; undefined when nobody answers. */
export type Elsewhere = (name: string) => Promise<Reply | undefined>;

/** A reply, and whether the name is one that does not exist, or exists without records of its own. */
export interface Found {
  reply: Reply;
  missing: boolean;
}

const longestChain = 8;

/**
 * Answers from a zone (RFC 1034 4.3.2): referrals at zone cuts, DNAME, wildcards as of RFC 4592, CNAMEs followed
 * inside the zone and, by `elsewhere`, outside of it. Upstream: plugin/file/lookup.go.
 */
export function lookup(zone: Zone, query: Query, elsewhere: Elsewhere): Found | Promise<Found> {
  const { type } = query;
  const name = query.lower;
  if (name === zone.origin && type === 'SOA') return found(zone, [zone.soa]);
  if (name === zone.origin && type === 'NS')
    return { missing: false, reply: positive([...zone.ns], [], addressesOf(zone, zone.ns)) };

  for (const here of [...parentsOf(name, zone.origin).reverse(), name]) {
    const node = zone.node(here);
    if (!node) continue;
    const dname = here !== name ? node.get('DNAME')?.[0] : undefined;
    if (dname?.type === 'DNAME') return substitute(zone, query, dname, dname.data, elsewhere);
    const referral = here === zone.origin ? undefined : referralOf(zone, here, node, query);
    if (referral) return { missing: false, reply: referral };
  }

  const node = zone.node(name);
  if (node) return answerFrom(zone, query, node, name, elsewhere);
  const wildcard = wildcardFor(zone, name);
  if (wildcard === 'nothing below') return denied(zone, Rcode.NOERROR, false);
  if (wildcard) return answerFrom(zone, query, wildcard, name, elsewhere);
  return denied(zone, zone.hasBelow(name) ? Rcode.NOERROR : Rcode.NXDOMAIN, true);
}

/** The wildcard that names below the closest existing encloser take their records from. */
function wildcardFor(zone: Zone, name: string): Node | 'nothing below' | undefined {
  if (zone.hasBelow(name)) return undefined;
  const closest = parentsOf(name, zone.origin).find((parent) => zone.node(parent) || zone.hasBelow(parent));
  const source = closest === '.' ? '*.' : `*.${closest}`;
  return zone.node(source) ?? (zone.hasBelow(source) ? 'nothing below' : undefined);
}

function answerFrom(
  zone: Zone,
  query: Query,
  node: Node,
  owner: string,
  elsewhere: Elsewhere,
): Found | Promise<Found> {
  const own = (records: readonly ResourceRecord[]) => records.map((record) => ({ ...record, name: owner }));
  const cname = node.get('CNAME')?.[0];
  if (cname?.type === 'CNAME' && query.type !== 'CNAME')
    return follow(zone, query, own([cname]), cname.data, elsewhere);
  const records = node.get(query.type);
  if (!records) return denied(zone, Rcode.NOERROR, false);
  return found(zone, own(records));
}

/** Goes on from a CNAME: with the zone's own records as far as they go, then elsewhere. */
function follow(
  zone: Zone,
  query: Query,
  answers: ResourceRecord[],
  first: string,
  elsewhere: Elsewhere,
): Found | Promise<Found> {
  let target = first;
  for (let steps = 0; ; steps++) {
    const lower = target.toLowerCase();
    const referral = isSubdomain(zone.origin, lower) ? cutAbove(zone, lower, query) : undefined;
    if (referral) return { missing: false, reply: { ...referral, authoritative: true, answers } };
    const node = zone.node(lower);
    const atApex = lower === zone.origin && (query.type === 'NS' || query.type === 'SOA');
    if (!node || atApex) return finish(zone, answers, elsewhere(target));
    const cname = node.get('CNAME')?.[0];
    if (cname?.type !== 'CNAME') return found(zone, [...answers, ...(node.get(query.type) ?? [])]);
    answers.push(cname);
    if (steps > longestChain) return found(zone, answers);
    target = cname.data;
  }
}

async function finish(
  zone: Zone,
  answers: ResourceRecord[],
  asked: Promise<Reply | undefined>,
): Promise<Found> {
  const reply = await asked;
  const all = [...answers, ...(reply?.answers ?? [])];
  const rcode = reply?.rcode ?? Rcode.SERVFAIL;
  const isDenial = rcode === Rcode.NXDOMAIN || (rcode === Rcode.NOERROR && reply?.answers.length === 0);
  return {
    missing: false,
    reply: {
      ...positive(all, isDenial ? [zone.soa] : [...zone.ns], addressesOf(zone, all)),
      rcode: rcode === Rcode.REFUSED ? Rcode.NOERROR : rcode, // the target is nobody's business here
      truncated: reply?.truncated ?? false,
    },
  };
}

/** A CNAME made from a DNAME above the name (RFC 6672). */
function substitute(
  zone: Zone,
  query: Query,
  dname: ResourceRecord,
  data: string,
  elsewhere: Elsewhere,
): Found | Promise<Found> {
  const kept = labelsOf(query.lower).slice(0, labelsOf(query.lower).length - labelsOf(dname.name).length);
  const target = [...kept, ...labelsOf(data)].join('.').concat('.');
  if (target.toLowerCase() === query.lower)
    throw new Error(`DNAME of ${dname.name} leads ${query.lower} to itself`);
  if (target.length > 255)
    return { missing: false, reply: { ...positive([dname], [...zone.ns]), rcode: 6 /* YXDOMAIN */ } };
  const cname: ResourceRecord = { name: query.lower, ttl: dname.ttl, type: 'CNAME', data: target };
  if (query.type === 'CNAME') return found(zone, [dname, cname]);
  return follow(zone, query, [dname, cname], target, elsewhere);
}

function cutAbove(zone: Zone, name: string, query: Query): Reply | undefined {
  for (const here of [...parentsOf(name, zone.origin).reverse(), name]) {
    const node = here === zone.origin ? undefined : zone.node(here);
    const referral = node && referralOf(zone, here, node, { ...query, lower: name });
    if (referral) return referral;
  }
  return undefined;
}

/** At a zone cut: who has the zone below. A DS question at the cut belongs to this side. */
function referralOf(zone: Zone, name: string, node: Node, query: Query): Reply | undefined {
  const servers = node.get('NS');
  if (!servers || (query.type === 'DS' && name === query.lower)) return undefined;
  const signed = query.edns?.dnssecOk ? (node.get('DS') ?? []) : [];
  return {
    ...emptyReply(Rcode.NOERROR),
    authoritative: false,
    authorities: [...servers, ...signed],
    additionals: addressesOf(zone, servers),
  };
}

/** Addresses that the zone has for what records point to: NS, MX, SRV. */
function addressesOf(zone: Zone, records: readonly ResourceRecord[]): ResourceRecord[] {
  const targets = new Set(records.map((record) => targetOf(record)?.toLowerCase() ?? ''));
  return [...targets].flatMap((target) => {
    const node = isSubdomain(zone.origin, target) ? zone.node(target) : undefined;
    return [...(node?.get('A') ?? []), ...(node?.get('AAAA') ?? [])];
  });
}

function targetOf(record: ResourceRecord): string | undefined {
  if (record.type === 'NS') return record.data;
  if (record.type === 'MX') return record.data.exchange;
  return record.type === 'SRV' ? record.data.target : undefined;
}

function found(zone: Zone, answers: ResourceRecord[]): Found {
  const pointing = answers.filter(({ type }) => type === 'MX' || type === 'SRV');
  return { missing: false, reply: positive(answers, [...zone.ns], addressesOf(zone, pointing)) };
}

function positive(
  answers: ResourceRecord[],
  authorities: ResourceRecord[],
  additionals: ResourceRecord[] = [],
): Reply {
  return { rcode: Rcode.NOERROR, authoritative: true, answers, authorities, additionals };
}

function denied(zone: Zone, rcode: number, missing: boolean): Found {
  return { missing, reply: { ...emptyReply(rcode), authoritative: true, authorities: [zone.soa] } };
}
