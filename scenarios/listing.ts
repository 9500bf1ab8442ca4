import type { Report } from './report.ts';

/** The chain's part of `iptables -L -n -v`, its heading and column names included; empty where there is none. */
export function chainOf(listing: string, chain: string): string[] {
  const parts = listing.split(/\n\s*\n/).map((part) => part.split('\n').filter((line) => line.trim()));
  return parts.find(([heading]) => heading?.startsWith(`Chain ${chain} `)) ?? [];
}

/** One rule of a listing. */
export interface ListedRule {
  packets: number;
  target: string;
  /** What the rule looks at and does, protocols by name. */
  rest: string;
}

/** The rules of {@link chainOf}. */
export function rulesOf(lines: readonly string[]): ListedRule[] {
  return lines.slice(2).map((line) => {
    const [packets, , target = '', protocol = '', ...rest] = line.trim().split(/\s+/);
    return {
      packets: Number(packets),
      target,
      rest: [protocols[protocol] ?? protocol, ...rest].join(' '),
    };
  });
}

/** iptables 1.8.8 and 1.8.9 print protocols by number. */
const protocols: Readonly<Record<string, string>> = { 0: 'all', 6: 'tcp', 17: 'udp' };

/** Whether this is a listing of such a one. */
export const numbersProtocols = (listing: string): boolean => / DNAT +6 /.test(listing);

/**
 * What of a printed chain is not as in an article, counters aside; empty where nothing is.
 *
 * @param names what the article calls other than this machine: addresses, and chains whose names are hashes of them
 */
export function differences(
  found: readonly string[],
  article: string,
  names: Readonly<Record<string, string>> = {},
): string {
  const wanted = article.split('\n').filter((line) => line.trim());
  const lines = Math.max(found.length, wanted.length);
  return Array.from({ length: lines }, (_, index) => [
    comparable(found[index] ?? '', index, names),
    comparable(wanted[index] ?? '', index, {}),
  ])
    .filter(([here, there]) => here !== there)
    .map(([here, there]) => `${here || 'nothing'} (article: ${there || 'nothing'})`)
    .join('; ');
}

/** Headings as they are, rules without counters. */
function comparable(line: string, index: number, names: Readonly<Record<string, string>>): string {
  const words = line.replace(/[\w.-]+/g, (word) => names[word] ?? word);
  if (!line || index < 2)
    return words
      .replace(/\d+ packets, \d+ bytes/, '0 packets, 0 bytes')
      .trim()
      .split(/\s+/)
      .join(' ');
  return rulesOf(['', '', words])
    .map(({ target, rest }) => `${target} ${rest}`)
    .join();
}

/** Shows chains without the wide gaps between their columns, so that a terminal has room for what follows them. */
export function showChains(report: Report, ...chains: (readonly string[])[]): void {
  const squeezed = chains.map((lines) =>
    lines.map((line, index) => (index === 0 ? line : ` ${line.trim().split(/\s+/).join(' ')}`)).join('\n'),
  );
  report.output(squeezed.join('\n\n'), Number.POSITIVE_INFINITY);
}
