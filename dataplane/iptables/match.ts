import { cidrOf, contains, widthOf } from '../../api/address.ts';
import type { ParsedRule } from './parse.ts';
import type { Sets, State } from './walk.ts';

/**
 * Whether every match of a rule holds. Knows what kube-proxy writes, and what stands beside it on most nodes;
 * throws on the rest, since a match that is passed over would make a rule say more than it does.
 */
export function matches(rule: ParsedRule, state: State, sets: Sets): boolean {
  for (const [name, { negated, value }] of rule.options) {
    if (says.has(name) || isDirections(name)) continue;
    const test = tests[name];
    if (!test) throw new Error(`cannot tell whether ${name} ${value} holds for a packet`);
    if (test(value, state, { rule, sets }) === negated) return false;
  }
  return true;
}

type Test = (
  value: string,
  state: State,
  where: { readonly rule: ParsedRule; readonly sets: Sets },
) => boolean;

/** Options that belong to a target, or that say something about a match without being one. */
const says = new Set(
  `--jump --goto --comment --to-destination --to-ports --to-source --random --random-fully --persistent --reject-with
  --set-xmark --set-mark --or-mark --and-mark --xor-mark --mode --probability --name --seconds --reap --hitcount --mask
  --rsource --rdest --set --nfacct-name --log-prefix --log-level --nflog-prefix --nflog-group`.split(/\s+/),
);

/** A draw is no match here: the walk goes both ways. Nor is `recent --set`, which always holds. */
const tests: Readonly<Record<string, Test>> = {
  '--source': (value, { source }) => inNetwork(value, source),
  '--destination': (value, { destination }) => inNetwork(value, destination),
  '--protocol': (value, { protocol }) => ['all', '0', protocol, numbers[protocol]].includes(value),
  '--dport': (value, { port }) => inPorts(value, port),
  '--dports': (value, { port }) => inPorts(value, port),
  '--in-interface': (value, state) => isInterface(value, state.interface),
  // No route is looked up: where a packet leaves by is not known.
  '--out-interface': () => false,
  '--src-type': (value, { source, local }) => (value === 'LOCAL') === local(source),
  '--dst-type': (value, { destination, local }) => (value === 'LOCAL') === local(destination),
  '--mark': (value, { mark }) => {
    const [want = 0, mask = 0xffffffff] = value.split('/').map(Number);
    return (mark & mask) >>> 0 === want;
  },
  '--ctstate': (value, { translated }) =>
    value.split(',').some((one) => one === 'NEW' || (one === 'DNAT' && translated)),
  '--state': (value) => value.split(',').includes('NEW'),
  // Nobody has been here before.
  '--rcheck': () => false,
  '--update': () => false,
  '--physdev-is-in': (_, { bridged }) => bridged,
  '--match-set': (name, state, { rule, sets }) => {
    const directions = [...rule.options.keys()].find(isDirections) ?? '';
    const set = sets(name);
    if (!set) throw new Error(`there is no set ${name}`);
    return inSet(set, directions.split(','), state);
  },
  '--vaddr': (value, { virtual }) => virtual !== undefined && inNetwork(value, virtual.address),
  '--vport': (value, { virtual }) => virtual !== undefined && inPorts(value, virtual.port),
  '--vproto': (value, { virtual, protocol }) =>
    virtual !== undefined && [protocol, numbers[protocol]].includes(value),
};

/** `dst,dst,src` stands behind the name of a set. */
const isDirections = (name: string) => /^(src|dst)(,(src|dst))*$/.test(name);

const numbers: Readonly<Record<string, string>> = { tcp: '6', udp: '17', sctp: '132' };

function inNetwork(network: string, address: string): boolean {
  const width = widthOf(network.includes(':') ? 'IPv6' : 'IPv4');
  const cidr = cidrOf(network.includes('/') ? network : `${network}/${width}`);
  return cidr !== undefined && contains(cidr, address);
}

/** `80`, `8000:8999`, and several of them between commas. */
function inPorts(ports: string, port: number): boolean {
  return ports.split(',').some((one) => {
    const [first = '', last = first] = one.split(':');
    return Number(first) <= port && port <= Number(last);
  });
}

function isInterface(pattern: string, name = ''): boolean {
  return pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/**
 * An entry is `10.96.0.10,tcp:80`, `10.96.0.10,tcp:80,10.244.0.0/16`, or `30080` alone; one direction stands for
 * each of its parts. A packet's own port is not known here, so a port that is a source matches nothing.
 */
function inSet(
  entries: { readonly size: number; has(entry: string): boolean; keys(): Iterable<string> },
  directions: readonly string[],
  { source, destination, port, protocol }: State,
): boolean {
  const address = directions[0] === 'src' ? source : destination;
  if (directions.length === 1)
    return entries.has(address) || (directions[0] === 'dst' && entries.has(String(port)));
  if (directions[1] === 'src') return false;
  const start = `${address},${protocol}:${port}`;
  if (directions.length === 2) return entries.has(start);
  const third = directions[2] === 'src' ? source : destination;
  if (entries.has(`${start},${third}`)) return true;
  for (const entry of entries.keys())
    if (entry.startsWith(`${start},`) && inNetwork(entry.slice(start.length + 1), third)) return true;
  return false;
}
