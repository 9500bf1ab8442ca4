/** What of a query's packet decides on the answer, where it is a plain one. */
export interface Question {
  /** The bytes of name, type and class. */
  key: string;
  /** Where the question ends in the packet. */
  end: number;
  /** Of the OPT record, where there is one. */
  udpSize: number | undefined;
  /** CD is 1, DO is 2. */
  variant: number;
}

const opt = 41;

/**
 * Reads a query that asks one question and has no more than an empty OPT record of version 0; undefined for all
 * others, which are none the worse for it: they are decoded in full.
 */
export function readQuestion(packet: Buffer): Question | undefined {
  const { length } = packet;
  if (length < 17 || (at(packet, 2) & 0xf8) !== 0) return undefined;
  if (at(packet, 4) !== 0 || at(packet, 5) !== 1 || at(packet, 10) !== 0) return undefined;
  if ((at(packet, 6) | at(packet, 7) | at(packet, 8) | at(packet, 9)) !== 0) return undefined;
  let end = 12;
  for (let size = at(packet, end); size !== 0; size = at(packet, end)) {
    end += size + 1;
    if (size > 63 || end >= length) return undefined;
  }
  end += 5;
  if (end > 12 + 255 + 4 || end > length) return undefined;
  const key = () => packet.toString('latin1', 12, end);
  const checkingDisabled = (at(packet, 3) & 0x10) >> 4;
  if (at(packet, 11) === 0)
    return length === end ? { key: key(), end, udpSize: undefined, variant: checkingDisabled } : undefined;
  if (at(packet, 11) !== 1 || length !== end + 11) return undefined;
  if ((at(packet, end) | at(packet, end + 1)) !== 0 || at(packet, end + 2) !== opt) return undefined;
  if ((at(packet, end + 6) | at(packet, end + 9) | at(packet, end + 10)) !== 0) return undefined;
  const udpSize = (at(packet, end + 3) << 8) | at(packet, end + 4);
  return { key: key(), end, udpSize, variant: checkingDisabled | ((at(packet, end + 7) & 0x80) >> 6) };
}

/** The key of the same question in lower case, or undefined where it is that already, or has other than ASCII. */
export function lowerCase({ key }: Question): string | undefined {
  const name = key.slice(0, -4);
  if (!/[A-Z]/.test(name) || !/^[\0-\x7f]*$/.test(name)) return undefined;
  return name.toLowerCase() + key.slice(-4);
}

/** Past the end of the packet there are zeros. */
function at(packet: Buffer, index: number): number {
  return packet[index] ?? 0;
}
