/** Where in an encoded reply the things are that differ from one time it is sent to the next. */
export interface Layout {
  /** Where each record ends, of a reply that may have to be cut off. */
  ends: Uint16Array | undefined;
  /** Where the serial of its SOA record is; 0 if there is none. */
  serial: number;
  /** Bytes that may stand in each other's place: addresses, or records of them, of one section and of one size. */
  shuffled: readonly { size: number; starts: readonly number[] }[];
  /** False if a name of the zone, in the case of the question, stands anywhere but in the question. */
  anyCase: boolean;
}

/** What every client takes (RFC 1035 2.3.4), less an OPT record. */
const least = 512 - 11;
/** Of a record whose owner is a pointer: all before its data. */
const head = 12;
const nothing: Layout['shuffled'] = [];
const [a, soa, mx, aaaa, srv, dname] = [1, 6, 15, 28, 33, 39];

/**
 * Reads an encoded reply whose question ends at `questionEnd`. Undefined if it shall be shuffled and its records
 * cannot be exchanged where they stand.
 */
export function layoutOf(packet: Buffer, questionEnd: number, isShuffled: boolean): Layout | undefined {
  const counts = [6, 8, 10].map((at) => packet.readUInt16BE(at));
  const ends: number[] = [];
  let serial = 0;
  const shuffled: Layout['shuffled'][number][] = [];
  let anyCase = true;
  let at = questionEnd;
  for (const [section, count] of counts.entries()) {
    const starts = new Map<number, number[]>();
    let addresses = 0;
    for (let i = 0; i < count; i++) {
      const start = at;
      const fields = endOfName(packet, start);
      const type = packet.readUInt16BE(fields);
      at = fields + 10 + packet.readUInt16BE(fields + 8);
      ends.push(at);
      // Names in these are never compressed, and so may hold what the question was written like.
      if (type === srv || type === dname) anyCase = false;
      if (type === soa) serial = endOfName(packet, endOfName(packet, fields + 10));
      if (isShuffled && type === mx && count > 1) return undefined;
      if (type !== a && type !== aaaa) continue;
      addresses++;
      // No other name can point into a record whose owner is a pointer and whose data is an address.
      if (fields !== start + 2) continue;
      const alike = starts.get(at - start);
      if (alike) alike.push(start);
      else starts.set(at - start, [start]);
    }
    if (!isShuffled) continue;
    const exchangeable = [...starts.values()].reduce((sum, { length }) => sum + length, 0);
    // Addresses that follow SRV records are looked up in them by name: their order says nothing.
    if (section === 0 && addresses > 1 && (exchangeable < addresses || starts.size > 1)) return undefined;
    for (const [size, of] of starts) if (of.length > 1) shuffled.push(exchanged(packet, size, of));
  }
  return {
    ends: packet.length > least ? Uint16Array.from(ends) : undefined,
    serial,
    shuffled: shuffled.length > 0 ? shuffled : nothing,
    anyCase,
  };
}

/** What must change places: the address alone, where all records have the same owner and TTL. */
function exchanged(packet: Buffer, size: number, starts: number[]): Layout['shuffled'][number] {
  const [first = 0] = starts;
  const isAlike = starts.every(
    (start) => packet.compare(packet, first, first + head, start, start + head) === 0,
  );
  return isAlike ? { size: size - head, starts: starts.map((start) => start + head) } : { size, starts };
}

function endOfName(packet: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const size = packet[at] ?? 0;
    if (size >= 0xc0) return at + 2;
    at += size + 1;
    if (size === 0) return at;
  }
}
