import type { Query, Reply, ResourceRecord } from '../../wire/message.ts';

/** What a rule does to the replies of the questions that it changed. */
export interface Respond {
  record?: (record: ResourceRecord) => ResourceRecord;
  reply?: (reply: Reply) => Reply | Promise<Reply>;
}

/** A question that was changed, and what has to be undone in its reply. */
export interface Rewritten {
  query: Query;
  respond: Respond[];
}

/** One rule; undefined where it does not match. */
export type Rewrite = (query: Query) => Rewritten | undefined;

/** Applies what rules want done, the last of them first, to every record and then to the reply. */
export async function respondWith(rules: readonly Respond[], reply: Reply): Promise<Reply> {
  const reversed = [...rules].reverse();
  const changed = (records: ResourceRecord[]) =>
    records.map((record) => reversed.reduce((now, { record: change }) => change?.(now) ?? now, record));
  let now: Reply = {
    ...reply,
    answers: changed(reply.answers),
    authorities: changed(reply.authorities),
    additionals: changed(reply.additionals),
  };
  for (const { reply: change } of reversed) if (change) now = await change(now);
  return now;
}

/** A query under another name. */
export function renamed(query: Query, name: string): Query {
  return { ...query, name, lower: name.toLowerCase() };
}

/** The name that a record's data leads to; undefined for types whose data is no name. */
export function targetOf(record: ResourceRecord): string | undefined {
  switch (record.type) {
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'DNAME':
      return record.data;
    case 'MX':
      return record.data.exchange;
    case 'SRV':
      return record.data.target;
    case 'SOA':
      return record.data.mname;
    default:
      return undefined;
  }
}

/** The record with another name in its data. */
export function withTarget(record: ResourceRecord, target: string): ResourceRecord {
  switch (record.type) {
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'DNAME':
      return { ...record, data: target };
    case 'MX':
      return { ...record, data: { ...record.data, exchange: target } };
    case 'SRV':
      return { ...record, data: { ...record.data, target } };
    case 'SOA':
      return { ...record, data: { ...record.data, mname: target } };
    default:
      return record;
  }
}
