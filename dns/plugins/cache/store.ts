import { type Query, Rcode, type Reply, type ResourceRecord, typeOf } from '../../wire/message.ts';
import { isSubdomain } from '../../wire/names.ts';
import type { CacheOptions, Limits } from './options.ts';

export interface Entry {
  reply: Reply;
  kind: 'success' | 'denial';
  /** Seconds from one to the other of the times below, which are milliseconds of the clock that the store was made with. */
  life: number;
  stored: number;
  expires: number;
  /** Times it was asked for lately, and when last. */
  hits: number;
  lastHit: number;
  refreshing: boolean;
  /** No refresh before this time: the last one failed. */
  notBefore: number;
  /** It had to make room for another. */
  isPushedOut: boolean;
}

/** Replies by question. Positive and negative ones have room of their own each. */
export interface Store {
  get(query: Query): Entry | undefined;
  /** Keeps a reply, unless it must not be; returns it with the TTLs it is kept under. */
  put(query: Query, reply: Reply): Reply;
  readonly size: { success: number; denial: number };
}

export function createStore(options: CacheOptions, now: () => number): Store {
  const shelves = { success: new Map<string, Entry>(), denial: new Map<string, Entry>() };

  return {
    get size() {
      return { success: shelves.success.size, denial: shelves.denial.size };
    },
    get(query) {
      const key = keyOf(query);
      const usable = (entry: Entry | undefined) =>
        entry && now() < entry.expires + (options.serveStale?.duration ?? 0) ? entry : undefined;
      if (options.preferPositive) {
        const success = usable(shelves.success.get(key));
        if (success && answersQuestion(query, success.reply.answers)) return success;
      }
      const denial = usable(shelves.denial.get(key));
      // A failure is transient: it does not hide an answer that is still good.
      if (denial && denial.reply.rcode !== Rcode.SERVFAIL) return denial;
      return usable(shelves.success.get(key)) ?? denial;
    },
    put(query, reply) {
      const kind = kindOf(query, reply);
      if (!kind) return reply;
      // A reply that answers nothing must not take the place of an answer that is still wanted.
      if (options.preferPositive && kind === 'success' && !answersQuestion(query, reply.answers))
        return reply;
      const limits = options[kind];
      if (limits.except.some((zone) => isSubdomain(zone, query.lower))) return reply;
      const seconds = reply.rcode === Rcode.SERVFAIL ? options.servfail : lifeOf(reply, kind, limits);
      if (seconds <= 0) return reply;
      const kept = withTtl(reply, Math.floor(seconds));
      const stored = now();
      const shelf = shelves[kind];
      const key = keyOf(query);
      shelf.delete(key);
      if (shelf.size >= limits.capacity) pushOut(shelf);
      shelf.set(key, {
        reply: kept,
        kind,
        life: seconds,
        stored,
        expires: stored + seconds * 1000,
        hits: 0,
        lastHit: stored,
        refreshing: false,
        notBefore: 0,
        isPushedOut: false,
      });
      if (kind === 'success') shelves.denial.delete(key);
      return kept;
    },
  };
}

/** The oldest goes. */
function pushOut(shelf: Map<string, Entry>): void {
  for (const [key, entry] of shelf) {
    shelf.delete(key);
    entry.isPushedOut = true;
    return;
  }
}

/** The reply with every TTL the same, and its owner in the case that this query has. */
export function replyFrom({ reply }: Entry, query: Query, ttl: number): Reply {
  const adapted = (records: ResourceRecord[]) =>
    records.map((record) => ({
      ...record,
      ttl,
      name:
        record.name.length === query.name.length && record.name.toLowerCase() === query.lower
          ? query.name
          : record.name,
    }));
  return {
    ...reply,
    answers: adapted(reply.answers),
    authorities: adapted(reply.authorities),
    additionals: adapted(reply.additionals),
  };
}

function keyOf({ lower, type, class: klass, edns, checkingDisabled }: Query): string {
  return `${lower} ${type}${klass === 1 ? '' : ` ${klass}`}${edns?.dnssecOk ? ' do' : ''}${checkingDisabled ? ' cd' : ''}`;
}

/** Where a reply belongs, if it may be kept at all (RFC 2308). */
function kindOf(query: Query, reply: Reply): Entry['kind'] | undefined {
  const { rcode, answers, authorities, truncated } = reply;
  if (truncated || query.type === 'AXFR' || query.type === 'IXFR') return undefined;
  const hasSoa = authorities.some(({ type }) => type === 'SOA');
  if (rcode === Rcode.SERVFAIL || rcode === Rcode.NOTIMP) return 'denial';
  if (rcode === Rcode.NXDOMAIN) return hasSoa ? 'denial' : undefined;
  if (rcode !== Rcode.NOERROR) return undefined;
  if (answers.length === 0) return hasSoa ? 'denial' : 'success';
  if (answersQuestion(query, answers)) return 'success';
  return hasSoa ? 'denial' : undefined;
}

/** Does the CNAME chain from the question end at a record of the type asked for? */
export function answersQuestion(query: Query, answers: ResourceRecord[]): boolean {
  let name = query.lower;
  for (let steps = 0; steps <= answers.length; steps++) {
    const here = answers.filter((record) => record.name.toLowerCase() === name);
    if (here.some((record) => typeOf(record) === query.type || query.type === 'ANY')) return true;
    const cname = here.find((record) => record.type === 'CNAME');
    if (cname?.type !== 'CNAME') return false;
    name = cname.data.toLowerCase();
  }
  return false;
}

/** Seconds: the least TTL of all records, within the limits. */
function lifeOf(
  { answers, authorities, additionals }: Reply,
  kind: Entry['kind'],
  { most, least }: Limits,
): number {
  const records = [...answers, ...authorities, ...additionals];
  if (records.length === 0) return Math.max(5, least);
  const ttls = records.map((record) =>
    kind === 'denial' && record.type === 'SOA' ? Math.min(record.ttl, record.data.minimum) : record.ttl,
  );
  return Math.min(Math.max(Math.min(...ttls), least), most);
}

/** The one who made the reply lets it last in another form, which would be held by this one. */
function withTtl({ lasting: _, ...reply }: Reply, ttl: number): Reply {
  const set = (records: ResourceRecord[]) => records.map((record) => ({ ...record, ttl }));
  return {
    ...reply,
    answers: set(reply.answers),
    authorities: set(reply.authorities),
    additionals: set(reply.additionals),
  };
}
