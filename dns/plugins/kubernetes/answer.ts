import { isIP, isIPv4 } from 'node:net';
import type { Handler, Mark } from '../../plugin.ts';
import { addressOfReverseName } from '../../wire/addresses.ts';
import { emptyReply, type Query, Rcode, type Reply, type ResourceRecord } from '../../wire/message.ts';
import { fqdn, isSubdomain, matchZone } from '../../wire/names.ts';
import { type Found, findNames, findTargets, isMulticluster, shapesOf, type Target } from './lookup.ts';
import { isNameServer, nameServers } from './nameservers.ts';
import type { KubernetesOptions } from './options.ts';
import type { Records } from './records.ts';
import { parseRequest } from './request.ts';
import { soaOf } from './soa.ts';

export interface Answerer {
  /** They may be others after a start: the records of an API are shared. */
  records: () => Records;
  /** The Services that several clusters share, for `multicluster` zones. */
  imports?: () => Records | undefined;
  options: KubernetesOptions;
  /** Non-loopback addresses that this server answers on. */
  localAddresses: () => readonly string[];
  /** Resolves a name outside the zone: the target of an ExternalName Service. */
  lookup: Handler;
  next: Handler;
  /** Marks replies that stay until the records change. */
  lasting?: Mark | undefined;
}

/** A query on its way, with the zone it fell into, in the case it was asked in. */
interface State extends Omit<Answerer, 'records' | 'imports' | 'lasting'> {
  records: Records;
  /** Of this cluster, where {@link records} are those of several. */
  own: Records;
  query: Query;
  zone: string;
  /** Another plugin was asked in the end. */
  isPassedOn?: true;
}

/** The records of a name. `undefined` says that the name does not exist. */
type Records3 =
  | { answers: ResourceRecord[]; additionals?: ResourceRecord[]; truncated?: boolean }
  | undefined;

const longestCnameChain = 10;

/** The plugin's handler; upstream: plugin/kubernetes/handler.go and plugin/backend_lookup.go. */
export function createHandler(of: Answerer): Handler {
  const { options, localAddresses, lookup, next, lasting } = of;
  const isShared = options.multiclusterZones.length > 0;
  return (query) => {
    const matched = matchZone(options.zones, query.lower);
    if (matched === undefined) return next(query);
    const zone = query.name.slice(query.name.length - matched.length);
    if (query.type === 'AXFR' || query.type === 'IXFR') return emptyReply(Rcode.REFUSED);
    const own = of.records();
    const shared =
      isShared && isMulticluster(options.multiclusterZones, matched) ? of.imports?.() : undefined;
    const state: State = { records: shared ?? own, own, options, localAddresses, lookup, next, query, zone };
    if (!lasting || shared || !own.synced || isAboutServers(query, zone)) return answer(state);
    const { result, isCurrent } = own.reads.during(() => answer(state));
    if (result instanceof Promise || state.isPassedOn) return result;
    return lasting(result, { isCurrent, serial: () => own.modified });
  };
}

/** The addresses of this machine are in the answer; nobody tells when they change. */
function isAboutServers({ name, type }: Query, zone: string): boolean {
  return type === 'NS' || isNameServer(name, zone);
}

function answer(state: State): Reply | Promise<Reply> {
  const found = find(state);
  return found instanceof Promise ? found.then((ready) => finish(state, ready)) : finish(state, found);
}

function finish(state: State, found: Records3): Reply | Promise<Reply> {
  const { query, options, records } = state;
  if (!found) {
    if (options.fallthrough.through(query.lower)) {
      state.isPassedOn = true;
      return state.next(query);
    }
    return withSoa(state, records.synced ? Rcode.NXDOMAIN : Rcode.SERVFAIL);
  }
  const { answers, additionals = [], truncated = false } = found;
  if (answers.length === 0) return withSoa(state, Rcode.NOERROR);
  return { rcode: Rcode.NOERROR, authoritative: true, truncated, answers, authorities: [], additionals };
}

function find(state: State): Records3 | Promise<Records3> {
  const { query, zone } = state;
  const atApex = query.name.length === zone.length;
  switch (query.type) {
    case 'A':
    case 'AAAA':
      return addresses(state, query.name, query.type, []);
    case 'SRV':
      return services(state);
    case 'PTR':
      return pointers(state);
    case 'CNAME':
      return alias(state);
    case 'TXT':
      return version(state);
    case 'SOA':
      return { answers: atApex ? [soaOf(state.zone, state.options, state.records)] : [] };
    case 'NS':
      return atApex ? servers(state) : exists(state);
    default:
      return exists(state);
  }
}

/** Addresses, following ExternalName Services to where they lead. */
function addresses(
  state: State,
  name: string,
  type: 'A' | 'AAAA',
  path: ResourceRecord[],
): Records3 | Promise<Records3> {
  const found = targetsOf(state, name, type);
  if (!found) return undefined;
  const external = found.find(({ host }) => !isIP(host));
  if (external) return follow(state, name, type, external.host, path);
  const ttl = state.options.ttl;
  const seen = new Set<string>();
  const answers: ResourceRecord[] = [];
  for (const { host } of found) {
    if ((type === 'A') !== isIPv4(host) || seen.has(host)) continue;
    seen.add(host);
    answers.push({ name, ttl, type, data: host });
  }
  return { answers };
}

function follow(
  state: State,
  name: string,
  type: 'A' | 'AAAA',
  host: string,
  path: ResourceRecord[],
): Records3 | Promise<Records3> {
  const target = fqdn(host);
  const isLoop = path.some(({ name }) => name.toLowerCase() === target.toLowerCase());
  if (isLoop || isSubdomain(name, target) || path.length > longestCnameChain) return { answers: [] };
  const cname: ResourceRecord = { name, ttl: state.options.ttl, type: 'CNAME', data: target };
  if (isSubdomain(state.zone, target)) {
    const then = (found: Records3): Records3 =>
      found && found.answers.length > 0 ? { ...found, answers: [cname, ...found.answers] } : { answers: [] };
    const rest = addresses(state, target, type, [...path, cname]);
    return rest instanceof Promise ? rest.then(then) : then(rest);
  }
  return lookup(state, target, type).then((reply) =>
    reply ? { answers: [cname, ...reply.answers], truncated: reply.truncated ?? false } : { answers: [] },
  );
}

/** Asks this server itself; what cannot be found out is left out of the answer. */
async function lookup(state: State, name: string, type: string): Promise<Reply | undefined> {
  try {
    return await state.lookup({ ...state.query, name, lower: name.toLowerCase(), type });
  } catch {
    return undefined; // as upstream: a CNAME whose target has no answer is left out
  }
}

/** SRV records, and the addresses of their targets. The weight is an equal share of 100. */
function services(state: State): Records3 {
  const found = targetsOf(state, state.query.name, 'SRV');
  if (!found) return undefined;
  const inside = found.filter(({ host }) => isIP(host));
  const weight = Math.max(1, Math.floor(100 / inside.length));
  const ttl = state.options.ttl;
  const answers = new Map<string, ResourceRecord>();
  const additionals = new Map<string, ResourceRecord>();
  for (const { host, port, owner } of inside) {
    if (port === -1) continue;
    const data = { priority: 0, weight, port, target: owner };
    const key = `${owner} ${port}`;
    if (!answers.has(key)) answers.set(key, { name: state.query.name, ttl, type: 'SRV', data });
    const type = isIPv4(host) ? 'A' : 'AAAA';
    additionals.set(`${owner} ${host}`, { name: owner, ttl, type, data: host });
  }
  return { answers: [...answers.values()], additionals: [...additionals.values()] };
}

function pointers(state: State): Records3 {
  const { query, own, options } = state;
  const address = addressOfReverseName(query.lower);
  if (address === undefined) return exists(state);
  const names = new Set(findNames(own, options, address));
  if (names.size === 0) return undefined;
  return { answers: [...names].map((data) => ({ name: query.name, ttl: options.ttl, type: 'PTR', data })) };
}

function alias(state: State): Records3 {
  const { query, options } = state;
  const found = targetsOf(state, query.name, 'CNAME');
  if (!found) return undefined;
  const [first] = found;
  if (!first || isIP(first.host)) return { answers: [] };
  return { answers: [{ name: query.name, ttl: options.ttl, type: 'CNAME', data: fqdn(first.host) }] };
}

/** `dns-version` says which release of the DNS specification this is. */
function version(state: State): Records3 {
  const { query, zone } = state;
  if (query.lower === `dns-version.${zone.toLowerCase()}`)
    return { answers: [{ name: query.name, ttl: 28_800, type: 'TXT', data: ['1.1.0'] }] };
  const found = findTargets(state.records, state.options, query.lower, zone);
  if (!found) return undefined;
  const request = parseRequest(query.lower, zone.toLowerCase(), shapesOf(state.options, zone));
  return found.length > 0 || request?.topologyZone ? { answers: [] } : undefined;
}

function servers(state: State): Records3 {
  const { zone, options } = state;
  const answers = new Map<string, ResourceRecord>();
  const additionals: ResourceRecord[] = [];
  for (const { host, owner } of nameServers({ ...state, records: state.own }, zone)) {
    answers.set(owner, { name: zone, ttl: options.ttl, type: 'NS', data: owner });
    additionals.push({ name: owner, ttl: options.ttl, type: isIPv4(host) ? 'A' : 'AAAA', data: host });
  }
  return { answers: [...answers.values()], additionals };
}

/** No data, but is there such a name? */
function exists(state: State): Records3 {
  return targetsOf(state, state.query.name, state.query.type) ? { answers: [] } : undefined;
}

function targetsOf(state: State, name: string, type: string): Found {
  if (isNameServer(name, state.zone)) {
    return nameServers({ ...state, records: state.own }, state.zone).filter(
      ({ host }) => type === (isIPv4(host) ? 'A' : 'AAAA'),
    ) as Target[];
  }
  return findTargets(state.records, state.options, name.toLowerCase(), state.zone);
}

function withSoa(state: State, rcode: number): Reply {
  return {
    ...emptyReply(rcode),
    authoritative: true,
    authorities: [soaOf(state.zone, state.options, state.records)],
  };
}
