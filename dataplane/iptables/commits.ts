import type { TableName } from './rules.ts';

/** Lines that belong together: what declares chains, and what fills or uses them. */
export interface Part {
  readonly heads: readonly string[];
  readonly rules: readonly string[];
}

/**
 * Bytes of one netlink message that a process without privileges on the host may send. The nft tools send a
 * commit as one message of at most net.core.wmem_default, 212,992 bytes as kernels have it, which only privileges
 * on the host can raise.
 */
export const smallCommit = 180_000;

/** Packs parts into as few commits as their size allows; one that is too big itself is cut. */
export function commits(table: TableName, parts: readonly Part[], size: number): string {
  const texts: string[] = [];
  let heads = new Set<string>();
  let rules: string[] = [];
  let bytes = 0;
  const flush = () => {
    if (heads.size + rules.length > 0) texts.push(`*${table}\n${[...heads, ...rules].join('\n')}\nCOMMIT\n`);
    heads = new Set();
    rules = [];
    bytes = 0;
  };
  const makeRoom = (more: number) => {
    if (bytes > 0 && bytes + more > size) flush();
  };
  for (const part of parts) {
    const sizes = part.rules.map(messageSize);
    makeRoom(sizes.reduce((sum, one) => sum + one, part.heads.length * smallMessage));
    for (const line of part.heads) {
      makeRoom(smallMessage);
      if (!heads.has(line)) bytes += smallMessage;
      heads.add(line);
    }
    for (const [i, rule] of part.rules.entries()) {
      const more = sizes[i] ?? 0;
      makeRoom(more);
      rules.push(rule);
      bytes += more;
    }
  }
  flush();
  return texts.join('');
}

/** Bytes for a chain that is declared or deleted, and for a rule that is deleted by its number. */
const smallMessage = 140;

/** Bytes that the nft tools make of a line, or a few more; as strace(1) shows them. */
function messageSize(line: string): number {
  if (!line.startsWith('-A') && !line.startsWith('-I')) return smallMessage;
  let bytes = 280;
  for (const [, match, address] of line.matchAll(/ -(?:m (\w+)|([sd]) )/g)) {
    if (address) bytes += 80;
    else bytes += 130 + (extraOf[match ?? ''] ?? 0);
  }
  return bytes;
}

/** Matches that nf_tables has no expressions of its own for, and that keep much. */
const extraOf: Readonly<Record<string, number>> = { comment: 200, sctp: 300, conntrack: 100, recent: 100 };
