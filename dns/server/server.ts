import type { Handler } from '../plugin.ts';
import { decodeQuery } from '../wire/decode.ts';
import { encodeReply, encodeTransfer, refusal } from '../wire/encode.ts';
import { emptyReply, type Query, Rcode, type Reply } from '../wire/message.ts';
import { parentOf } from '../wire/names.ts';
import type { Repeats } from './repeats.ts';

/** The zones that share one port, each with the chain of its server block. */
export type Zones = ReadonlyMap<string, Handler>;

/** What is served on a port. */
export interface Served {
  readonly zones: Zones;
  readonly repeats: Repeats;
}

/** What goes back to a client: a packet, those of a zone transfer, or nothing. */
export type Packets = Buffer | readonly Buffer[] | undefined;

/**
 * Answers one packet: the packet to send back, or undefined where there is nothing to say. Upstream:
 * core/dnsserver/server.go.
 */
export function answerPacket(
  { zones, repeats }: Served,
  packet: Buffer,
  client: Query['client'],
  protocol: Query['protocol'],
  onError: (error: unknown, query: Query) => void,
): Packets | Promise<Packets> {
  const known = repeats.find(packet, client, protocol);
  if (known) return known;
  const received = decodeQuery(packet, client, protocol);
  if (received === 'drop') return undefined;
  if ('refuse' in received) return refusal(packet, received.refuse);
  const { query } = received;
  const fail = (error: unknown): Buffer => {
    onError(error, query);
    return encodeReply(query, emptyReply(Rcode.SERVFAIL));
  };
  try {
    const reply = serve(zones, query);
    if (!(reply instanceof Promise)) return repeats.keep(packet, query, reply) ?? packetsOf(query, reply);
    return reply.then((ready) => packetsOf(query, ready)).catch(fail);
  } catch (error) {
    return fail(error);
  }
}

function packetsOf(query: Query, reply: Reply): Packets {
  if (reply.dropped) return undefined;
  return reply.transfer ? encodeTransfer(query, reply) : encodeReply(query, reply);
}

/** The reply of the chain that is responsible for the name: the one with the longest zone. */
export function serve(zones: Zones, query: Query): Reply | Promise<Reply> {
  if (query.edns && query.edns.version !== 0) return emptyReply(Rcode.BADVERS);
  let name = query.lower;
  let parent: Handler | undefined;
  for (;;) {
    const handler = zones.get(name);
    if (handler) {
      // A DS record belongs to the parent's side of a zone cut, if the parent is served here too.
      if (query.type !== 'DS' || name !== query.lower) return handler(query);
      parent = handler;
    }
    if (name === '.') break;
    name = parentOf(name);
  }
  return parent ? parent(query) : emptyReply(Rcode.REFUSED);
}
