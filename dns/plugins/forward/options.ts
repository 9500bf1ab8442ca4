import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseDuration } from '../../../api/duration.ts';
import type { Dispenser } from '../../corefile/dispenser.ts';
import { parseInteger } from '../../corefile/values.ts';
import { parseZoneKey } from '../../corefile/zones.ts';
import { rcodeOf } from '../../wire/message.ts';
import { fqdn, isDomainName, isSubdomain } from '../../wire/names.ts';

/** Where queries are sent. */
export interface UpstreamAddress {
  host: string;
  port: number;
  transport: 'dns' | 'tls';
  tlsServerName?: string;
}

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
    tls: {},
  };
  let serverName: string | undefined;
  while (tokens.nextBlock()) {
    if (tokens.value === 'tls_servername') [serverName] = tokens.args(1);
    else parseProperty(tokens, options);
  }
  options.to = to.flatMap((text) => addressesOf(text, tokens));
  if (options.to.length > mostUpstreams)
    throw tokens.error(`more than ${mostUpstreams} TOs configured: ${options.to.length}`);
  if (options.to.length === 0) throw tokens.error(`no valid upstream addresses found in ${to.join(' ')}`);
  if (serverName !== undefined) for (const address of options.to) address.tlsServerName ??= serverName;
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
    case 'max_age':
      duration();
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
      for (const name of tokens.args(1, Number.POSITIVE_INFINITY)) {
        const rcode = rcodeOf(name);
        if (rcode === undefined) throw tokens.error(`${name} is not a valid rcode`);
        if (rcode === 0) throw tokens.error('NoError cannot be used in failover');
        options.failover.push(rcode);
      }
      break;
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

/** An address with or without transport and port, or a file like /etc/resolv.conf. */
function addressesOf(text: string, tokens: Dispenser): UpstreamAddress[] {
  const scheme = /^([a-z]+):\/\//.exec(text);
  const transport = scheme?.[1] ?? 'dns';
  if (transport !== 'dns' && transport !== 'tls')
    throw tokens.error(`'${transport}' is not supported as a destination protocol in forward: ${text}`);
  const [rest = '', tlsServerName] = (scheme ? text.slice(scheme[0].length) : text).split('%');
  const address = hostAndPort(rest, transport === 'tls' ? 853 : 53);
  if (address) return [{ ...address, transport, ...(tlsServerName ? { tlsServerName } : {}) }];
  if (!scheme && statSync(text, { throwIfNoEntry: false })?.isFile()) return nameServersOf(text);
  throw tokens.error(`not an IP address or file: ${JSON.stringify(text)}`);
}

function hostAndPort(text: string, port: number): { host: string; port: number } | undefined {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare)) return { host: bare, port };
  const match = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  return match && isIP(host) && Number(match[3]) < 65_536 ? { host, port: Number(match[3]) } : undefined;
}

function nameServersOf(file: string): UpstreamAddress[] {
  return [...readFileSync(file, 'utf8').matchAll(/^\s*nameserver\s+(\S+)/gm)].flatMap(([, text = '']) => {
    const host = text.split('%')[0] ?? '';
    return isIP(host) ? [{ host, port: 53, transport: 'dns' as const }] : [];
  });
}
