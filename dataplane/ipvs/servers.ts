import type { Family } from '../../api/address.ts';
import { familyOf } from '../../api/address.ts';
import type { Protocol } from '../model/serviceport.ts';

/** A virtual server: `-s rr -p 10800` and the weight of each real server by `ip:port`. */
export interface VirtualServer {
  readonly options: string;
  readonly reals: ReadonlyMap<string, number>;
}

/** Virtual servers by the words that name one to `ipvsadm`: `-t 10.96.0.10:80`. */
export type Servers = ReadonlyMap<string, VirtualServer>;

const protocolOption: Record<Protocol, string> = { TCP: '-t', UDP: '-u', SCTP: '--sctp-service' };

/** `-t 10.96.0.10:80`, `-u [fd00::a]:53`. */
export function serverKey(protocol: Protocol, address: string, port: number): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `${protocolOption[protocol]} ${host}:${port}`;
}

/** The address in a key. */
export function addressOf(key: string): string {
  const text = key.slice(key.indexOf(' ') + 1);
  return text.slice(0, text.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

/** The form of `ipvsadm-save -n`, which `ipvsadm --restore` takes. */
export function serversText(servers: Servers): string {
  const lines: string[] = [];
  for (const [key, { options, reals }] of servers) {
    lines.push(`-A ${key} ${options}`);
    for (const [real, weight] of reals) lines.push(addReal(key, real, weight));
  }
  return lines.length > 0 ? `${lines.join('\n')}\n` : '';
}

/** Reads the virtual servers of one family from what `ipvsadm-save -n` prints. */
export function parseServers(text: string, family: Family): Map<string, VirtualServer> {
  const servers = new Map<string, { options: string; reals: Map<string, number> }>();
  for (const line of text.split('\n')) {
    const [verb, protocol = '', address = '', ...words] = line.trim().split(' ');
    const key = `${protocol} ${address}`;
    if (verb === '-A' && familyOf(addressOf(key)) === family)
      servers.set(key, { options: words.join(' '), reals: new Map() });
    else if (verb === '-a') {
      const [real, weight] = [words[words.indexOf('-r') + 1], words[words.indexOf('-w') + 1]];
      servers.get(key)?.reals.set(real ?? '', Number(weight));
    }
  }
  return servers;
}

/** One real server that no new connection goes to, as `[server, real]`. */
export type Draining = readonly [key: string, real: string];

export interface ServersDifference {
  /** For `ipvsadm --restore`. */
  readonly lines: readonly string[];
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
  /** Real servers of weight 0 that go as soon as nobody is connected to them. */
  readonly draining: readonly Draining[];
}

/** For each server, what stands and what is wanted. */
export type ServerPairs = Iterable<
  readonly [key: string, pair: readonly [have: VirtualServer | undefined, want: VirtualServer | undefined]]
>;

/** Every server that stands or is wanted. */
export function serverPairs(standing: Servers, wanted: Servers): ServerPairs {
  const keys = new Set([...wanted.keys(), ...standing.keys()]);
  return [...keys].map((key) => [key, [standing.get(key), wanted.get(key)]] as const);
}

/**
 * What turns the servers that stand into the wanted ones. A real server of TCP that is not wanted any more
 * gets weight 0, so that its connections can end; those of other protocols go at once. Upstream:
 * `graceful_termination.go`.
 */
export function serversDifference(pairs: ServerPairs): ServersDifference {
  const lines: string[] = [];
  const draining: Draining[] = [];
  const sum = { created: 0, changed: 0, deleted: 0 };
  for (const [key, [have, want]] of pairs) {
    const before = lines.length;
    if (want) lines.push(...serverLines(key, have, want, draining));
    else if (have) lines.push(`-D ${key}`);
    if (!want) sum.deleted += have ? 1 : 0;
    else if (!have) sum.created++;
    else if (lines.length > before) sum.changed++;
  }
  return { lines, draining, ...sum };
}

function* serverLines(
  key: string,
  have: VirtualServer | undefined,
  want: VirtualServer,
  draining: Draining[],
): Generator<string> {
  if (!have) yield `-A ${key} ${want.options}`;
  else if (have.options !== want.options) yield `-E ${key} ${want.options}`;
  for (const [real, weight] of want.reals) {
    const now = have?.reals.get(real);
    if (now === undefined) yield addReal(key, real, weight);
    else if (now !== weight) yield editReal(key, real, weight);
  }
  for (const [real, weight] of have?.reals ?? []) {
    if (want.reals.has(real)) continue;
    if (!key.startsWith('-t ')) yield deleteReal(key, real);
    else {
      if (weight !== 0) yield editReal(key, real, 0);
      draining.push([key, real]);
    }
  }
}

/** A server as it stands while some of its real servers drain. */
export function withDraining(server: VirtualServer, reals: readonly string[]): VirtualServer {
  if (reals.length === 0) return server;
  return { ...server, reals: new Map([...server.reals, ...reals.map((real) => [real, 0] as const)]) };
}

const addReal = (key: string, real: string, weight: number) => `-a ${key} -r ${real} -m -w ${weight}`;
const editReal = (key: string, real: string, weight: number) => `-e ${key} -r ${real} -m -w ${weight}`;
export const deleteReal = (key: string, real: string): string => `-d ${key} -r ${real}`;
