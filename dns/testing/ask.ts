import type { Handler, Log } from '../plugin.ts';
import { formatRecord } from '../wire/format.ts';
import { emptyReply, type Query, Rcode, type Reply, rcodeName } from '../wire/message.ts';

/** A query as a client without EDNS sends it. */
export function queryFor(name: string, type = 'A', extra: Partial<Query> = {}): Query {
  return {
    id: 1,
    name,
    lower: name.toLowerCase(),
    type,
    class: 1,
    recursionDesired: true,
    checkingDisabled: false,
    authenticData: false,
    size: 40,
    client: { address: '10.240.0.1', port: 40_212 },
    protocol: 'udp',
    ...extra,
  };
}

/** A reply as lines that can be compared: the rcode, then the sorted records of each section. */
export interface Told {
  rcode: string;
  answer: string[];
  authority: string[];
  additional: string[];
}

/** Asks a handler; the serial of SOA records is written as `SERIAL`. */
export async function ask(
  handler: Handler,
  name: string,
  type = 'A',
  extra: Partial<Query> = {},
): Promise<Told> {
  return told(await handler(queryFor(name, type, extra)));
}

export function told(reply: Reply): Told {
  const lines = (records: Reply['answers']) =>
    records.map((record) => formatRecord(record).replace(/(SOA \S+ \S+) \d+ /, '$1 SERIAL ')).sort();
  return {
    rcode: rcodeName(reply.rcode),
    answer: lines(reply.answers),
    authority: lines(reply.authorities),
    additional: lines(reply.additionals),
  };
}

/** The end of a chain that refuses, so that a query that got so far shows. */
export const refuse: Handler = () => emptyReply(Rcode.REFUSED);

/** A log that keeps its lines. */
export function createTestLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    info: (text) => lines.push(`[INFO] ${text}`),
    warning: (text) => lines.push(`[WARNING] ${text}`),
    error: (text) => lines.push(`[ERROR] ${text}`),
    plain: (text) => lines.push(text),
  };
}
