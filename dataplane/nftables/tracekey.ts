import { cidrOf, contains, formatAddress, parseAddress } from '../../api/address.ts';
import { isLoopback, type Packet } from '../packet.ts';
import type { Table } from './table.ts';

/** A packet on its way through the table. */
export interface State extends Packet {
  readonly protocol: string;
  /** What the client asked for. */
  readonly original: { readonly destination: string; readonly port: number };
  readonly mark: number;
  readonly translated: boolean;
  readonly masqueraded: boolean;
  readonly weight: number;
  readonly rules: readonly string[];
}

/** One value an expression may have, and the share of packets for which it has it. */
interface Key {
  readonly key: string;
  readonly share: number;
}

const term =
  /^(ip6? saddr & \S+|ip6? [sd]addr|meta l4proto|(?:th|tcp|udp|sctp) dport|numgen (?:random|inc) mod \d+|jhash ip6? saddr mod \d+(?: seed \S+)?|ip protocol|ip6 nexthdr|ct original (?:ip6? [sd]addr|proto-dst)|\(ip6? saddr and \S+\)|fib [sd]addr type|iifname|iif|mark and \S+|ct state|ct status)/;

/** The expression a text begins with: terms with ` . ` between them. `rest` is what stands behind it. */
export function readKey(text: string, state: State): { keys: Key[]; rest: string } {
  let keys: Key[] = [{ key: '', share: 1 }];
  let rest = text;
  for (let first = true; ; first = false) {
    const found = term.exec(rest)?.[0];
    if (found === undefined) throw new Error(`cannot read an expression in ${JSON.stringify(text)}`);
    const values = valuesOf(found, state);
    keys = keys.flatMap(({ key, share }) =>
      values.map((value) => ({
        key: first ? value : `${key} . ${value}`,
        share: share / values.length,
      })),
    );
    rest = rest.slice(found.length + 1);
    if (!rest.startsWith('. ')) return { keys, rest };
    rest = rest.slice(2);
  }
}

/** The values of one term, all as likely. */
function valuesOf(text: string, state: State): string[] {
  const [first = '', second = '', third = ''] = text.split(' ');
  const [, count] = / mod (\d+)(?: seed \S+)?$/.exec(text) ?? [];
  if (count !== undefined) return Array.from({ length: Number(count) }, (_, i) => String(i));
  if (first.startsWith('(') || third === '&') return [masked(state.source, text)];
  if (text.startsWith('ct original'))
    return [third === 'proto-dst' ? String(state.original.port) : addressOf(text, state, state.original)];
  if (text === 'ct state') return ['new'];
  if (text === 'ct status') return [state.translated ? 'dnat' : ''];
  if (first === 'fib')
    return [isLocal(second === 'saddr' ? state.source : state.destination, state) ? 'local' : ''];
  if (first === 'iifname' || first === 'iif') return [state.interface ?? ''];
  if (first === 'mark') return [String(state.mark & Number(third))];
  if (/^(meta l4proto|ip protocol|ip6 nexthdr)$/.test(text)) return [state.protocol];
  if (second === 'dport') return [first === 'th' || first === state.protocol ? String(state.port) : 'none'];
  return [addressOf(text, state, state)];
}

const addressOf = (text: string, { source }: State, { destination }: { destination: string }) =>
  text.endsWith('saddr') ? source : destination;

function masked(address: string, text: string): string {
  const mask = parseAddress(/(?:and|&) (\S+?)\)?$/.exec(text)?.[1] ?? '');
  const value = parseAddress(address);
  if (!mask || !value) throw new Error(`cannot read the mask of ${text}`);
  return formatAddress(value.family, value.value & mask.value);
}

/** Whether a comparison holds for a value, and what stands behind it; undefined where it cannot be read. */
export function matches(
  table: Table,
  value: string,
  text: string,
): { holds: boolean; rest: string } | undefined {
  const [whole, not, set, braces, plain] =
    /^(!= |== )?(?:@(\S+)|\{ ?([^}]*?) ?\}|(\S+))(?: |$)/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const rest = text.slice(whole.length);
  const found =
    set !== undefined
      ? (table.elements.get(set)?.has(value) ?? false)
      : (braces?.split(',') ?? [plain ?? '']).some((one) => equals(value, one.trim()));
  return { holds: found !== (not === '!= '), rest };
}

function equals(value: string, wanted: string): boolean {
  const plain = wanted.replaceAll('"', '');
  if (plain.endsWith('*')) return value.startsWith(plain.slice(0, -1));
  const cidr = plain.includes('/') ? cidrOf(plain) : undefined;
  return cidr ? contains(cidr, value) : value === plain;
}

/** An address of the node itself. */
export function isLocal(address: string, { nodeIps }: Pick<Packet, 'nodeIps'>): boolean {
  return isLoopback(address) || nodeIps.includes(address);
}
