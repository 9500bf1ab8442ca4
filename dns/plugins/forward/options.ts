import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseDuration } from '../../../api/duration.ts';
import type { Dispenser } from '../../corefile/dispenser.ts';
import { parseInteger } from '../../corefile/values.ts';
import { parseZoneKey } from '../../corefile/zones.ts';
import { rcodeOf } from '../../wire/message.ts';
import { fqdn, isDomainName, isSubdomain } from '../../wire/names.ts';
import { addressesOf, type UpstreamAddress } from './address.ts';

export interface ForwardOptions {
  from: string;
  to: UpstreamAddress[];
  except: string[];
  policy: 'random' | 'round_robin' | 'sequential';
  /** Failed probes before an upstream counts as down; 0: it never does. */
  maxFails: number;
  /** Milliseconds between two probes of a failing upstream. */
  healthInterval: number;
  healthDomain: string;
  healthRecursion: boolean;
  /** Queries on their way at a time; 0: no limit. */
  maxConcurrent: number;
  forceTcp: boolean;
  preferUdp: boolean;
  /** Milliseconds that an unused connection is kept. */
  expire: number;
  /** Milliseconds to wait for one reply. */
  readTimeout: number;
  failfast: boolean;
  /** Replies with these rcodes are asked for again elsewhere. */
  failover: number[];
  /** Replies with these rcodes, or without data, are left to the next `forward`, if there is one. */
  next: number[];
  nextOnNodata: boolean;
  /** The address to ask from. */
  sourceAddress?: string;
  tls: { ca?: string; cert?: string; key?: string };
  maxConnectAttempts?: number;
}

const mostUpstreams = 15;

/** Reads one `forward FROM TO… { … }`; upstream: plugin/forward/setup.go. Throws `CorefileError`. */
export function parseOptions(tokens: Dispenser): ForwardOptions {
  if (!tokens.nextArg()) throw tokens.argError();
  const from = parseZoneKey(tokens.value).zones[0] ?? '.';
  const to = tokens.args(1, Number.POSITIVE_INFINITY);
  const options: ForwardOptions = {
    from,
    to: [],
    except: [],
    policy: 'random',
    maxFails: 2,
    healthInterval: 500,
    healthDomain: '.',
    healthRecursion: true,
    maxConcurrent: 0,
    forceTcp: false,
    preferUdp: false,
    expire: 10_000,
    readTimeout: 2_000,
    failfast: false,
    failover: [],
    next: [],
    nextOnNodata: false,
    tls: {},
  };
  let serverName: string | undefined;
  let maxAge: string | undefined;
  while (tokens.nextBlock()) {
    if (tokens.value === 'tls_servername') [serverName] = tokens.args(1);
    else if (tokens.value === 'max_age') [maxAge] = tokens.args(1);
    else parseProperty(tokens, options);
  }
  if (maxAge !== undefined) checkMaxAge(tokens, maxAge, options.expire);
  const seen = new Set<string>();
  options.to = to
    .flatMap((text) => addressesOf(text, tokens))
    .filter(
      ({ host, port, transport }) =>
        !seen.has(`${transport} ${host} ${port}`) && seen.add(`${transport} ${host} ${port}`),
    );
  if (options.to.length > mostUpstreams)
    throw tokens.error(`more than ${mostUpstreams} TOs configured: ${options.to.length}`);
  if (options.to.length === 0) throw tokens.error(`no valid upstream addresses found in ${to.join(' ')}`);
  if (serverName === undefined) return options;
  for (const address of options.to) {
    const { transport, host, port, tlsServerName } = address;
    if (tlsServerName !== undefined)
      throw tokens.error(
        `both forward ('${serverName}') and proxy level ('${tlsServerName}') TLS servernames are set for upstream proxy '${transport}://${host}:${port}'`,
      );
    address.tlsServerName = serverName;
  }
  return options;
}

/** True when a query for `name` is to be forwarded: below `from`, not below an `except`. */
export function isForwarded({ from, except }: ForwardOptions, name: string): boolean {
  return isSubdomain(from, name) && (name === from || !except.some((zone) => isSubdomain(zone, name)));
}

function parseProperty(tokens: Dispenser, options: ForwardOptions): void {
  const property = tokens.value;
  const number = (): number => {
    const [text = ''] = tokens.args(1);
    const value = parseInteger(text);
    if (value === undefined) throw tokens.error(`${property}: invalid number ${JSON.stringify(text)}`);
    if (value < 0) throw tokens.error(`${property} can't be negative: ${value}`);
    return value;
  };
  const duration = (text = tokens.args(1)[0] ?? ''): number => {
    const value = parseDuration(text);
    if (value === undefined) throw tokens.error(`${property}: invalid duration ${JSON.stringify(text)}`);
    if (value < 0) throw tokens.error(`${property} can't be negative: ${text}`);
    return value;
  };
  switch (property) {
    case 'except':
      options.except.push(
        ...tokens.args(1, Number.POSITIVE_INFINITY).flatMap((text) => parseZoneKey(text).zones),
      );
      break;
    case 'max_fails':
      options.maxFails = number();
      break;
    case 'max_connect_attempts':
      options.maxConnectAttempts = number();
      break;
    case 'health_check':
      parseHealthCheck(tokens, options, duration);
      break;
    case 'force_tcp':
      tokens.args(0);
      options.forceTcp = true;
      break;
    case 'prefer_udp':
      tokens.args(0);
      options.preferUdp = true;
      break;
    case 'tls':
      options.tls = tlsFiles(tokens.args(0, 3));
      break;
    case 'expire':
      options.expire = duration();
      break;
    case 'max_idle_conns':
      number(); // one connection an upstream is all there ever is
      break;
    case 'read_timeout':
      options.readTimeout = duration();
      if (options.readTimeout <= 0) throw tokens.error('read_timeout must be positive');
      break;
    case 'policy': {
      const [policy] = tokens.args(1);
      if (policy !== 'random' && policy !== 'round_robin' && policy !== 'sequential')
        throw tokens.error(`unknown policy '${policy}'`);
      options.policy = policy;
      break;
    }
    case 'max_concurrent':
      options.maxConcurrent = number();
      break;
    case 'failfast_all_unhealthy_upstreams':
      tokens.args(0);
      options.failfast = true;
      break;
    case 'failover':
      options.failover.push(...rcodes(tokens));
      if (options.failover.includes(0)) throw tokens.error('NoError cannot be used in failover');
      break;
    case 'next':
      options.next.push(...rcodes(tokens));
      break;
    case 'next_on_nodata':
      tokens.args(0);
      options.nextOnNodata = true;
      break;
    case 'source_address': {
      const [address = ''] = tokens.args(1);
      if (!isIP(address)) throw tokens.error(`invalid IP address: ${address}`);
      options.sourceAddress = address;
      break;
    }
    default:
      throw tokens.unknownProperty();
  }
}

function parseHealthCheck(
  tokens: Dispenser,
  options: ForwardOptions,
  duration: (text?: string) => number,
): void {
  const [interval = '', ...rest] = tokens.args(1, 4);
  options.healthInterval = duration(interval);
  for (let option = rest.shift(); option !== undefined; option = rest.shift()) {
    if (option === 'no_rec') options.healthRecursion = false;
    else if (option === 'domain') {
      const domain = rest.shift();
      if (domain === undefined) throw tokens.argError();
      if (!isDomainName(domain)) throw tokens.error(`health_check: invalid domain name ${domain}`);
      options.healthDomain = fqdn(domain).toLowerCase();
    } else throw tokens.error(`health_check: unknown option ${option}`);
  }
}

/** None: the system's CAs. One: a CA. Two: certificate and key. Three: certificate, key and CA. */
function tlsFiles(files: string[]): ForwardOptions['tls'] {
  const texts = files.map((file) => readFileSync(file, 'utf8'));
  if (texts.length === 1) return { ca: texts[0] ?? '' };
  const [cert = '', key = '', ca] = texts;
  return texts.length === 0 ? {} : { cert, key, ...(ca ? { ca } : {}) };
}

function rcodes(tokens: Dispenser): number[] {
  return tokens.args(1, Number.POSITIVE_INFINITY).map((name) => {
    const rcode = rcodeOf(name);
    if (rcode === undefined) throw tokens.error(`${name} is not a valid rcode`);
    return rcode;
  });
}

/** Connections live as long as they are used; a least age of theirs has to make sense all the same. */
function checkMaxAge(tokens: Dispenser, text: string, expire: number): void {
  const age = parseDuration(text);
  if (age === undefined) throw tokens.error(`max_age: invalid duration ${JSON.stringify(text)}`);
  if (age < 0) throw tokens.error(`max_age can't be negative: ${text}`);
  if (age > 0 && age < expire)
    throw tokens.error(`max_age (${text}) must not be less than expire (${expire / 1000}s)`);
}
