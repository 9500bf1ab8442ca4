import { parseDuration } from '../../../api/duration.ts';
import type { Dispenser } from '../../corefile/dispenser.ts';
import { parseInteger } from '../../corefile/values.ts';
import { zonesFromArgs } from '../../corefile/zones.ts';
import { fqdn } from '../../wire/names.ts';

/** How one of the two caches keeps what it has; times in seconds. */
export interface Limits {
  capacity: number;
  most: number;
  least: number;
  /** Zones whose replies are not kept. */
  except: string[];
}

export interface CacheOptions {
  zones: string[];
  success: Limits;
  denial: Limits;
  /** Seconds that a SERVFAIL is kept. */
  servfail: number;
  keepTtl: boolean;
  /** Names asked `amount` times, without a pause of `duration` (ms), are fetched again before they expire. */
  prefetch?: { amount: number; duration: number; percentage: number };
  serveStale?: ServeStale;
  /** An answer, stale too, counts more than a denial. */
  preferPositive: boolean;
}

/** How replies are used after they expired; times in milliseconds. */
export interface ServeStale {
  /** For so long. */
  duration: number;
  /** A new one is asked for first. */
  verify: boolean;
  /** How long that may take; 0: as long as it does. */
  verifyTimeout: number;
  /** Seconds that a stale reply says it is good for. */
  ttl: number;
  /** After a failure nobody is asked again for so long. */
  recheck: number;
}

const capacity = 9_984;

/** Reads `cache [TTL] [ZONES…] { … }`; upstream: plugin/cache/setup.go. Throws `CorefileError`. */
export function parseOptions(tokens: Dispenser, blockZones: readonly string[]): CacheOptions {
  tokens.next();
  const args = tokens.remainingArgs();
  const first = parseInteger(args[0] ?? '');
  if (first !== undefined) args.shift();
  if (first !== undefined && first <= 0)
    throw tokens.error(`cache TTL can not be zero or negative: ${first}`);
  const options: CacheOptions = {
    zones: zonesFromArgs(args, blockZones),
    success: { capacity, most: first ?? 3_600, least: 5, except: [] },
    denial: { capacity, most: first ?? 1_800, least: 5, except: [] },
    servfail: 5,
    keepTtl: false,
    preferPositive: false,
  };
  while (tokens.nextBlock()) parseProperty(tokens, options);
  if (options.preferPositive && !options.serveStale)
    throw tokens.error('serve_stale_policy requires serve_stale');
  if (tokens.next()) throw tokens.error('plugin can only be used once per Server Block');
  return options;
}

function parseProperty(tokens: Dispenser, options: CacheOptions): void {
  switch (tokens.value) {
    case 'success':
    case 'denial':
      parseLimits(tokens, options[tokens.value]);
      break;
    case 'prefetch':
      options.prefetch = parsePrefetch(tokens);
      break;
    case 'serve_stale':
      options.serveStale = parseServeStale(tokens);
      break;
    case 'serve_stale_policy': {
      const [policy = ''] = tokens.args(1);
      if (policy.toLowerCase() !== 'prefer_positive')
        throw tokens.error(`invalid serve_stale_policy: ${policy}`);
      if (options.preferPositive) throw tokens.error('serve_stale_policy can only be specified once');
      options.preferPositive = true;
      break;
    }
    case 'servfail': {
      const milliseconds = duration(tokens, tokens.args(1)[0] ?? '', 'servfail');
      if (milliseconds > 300_000)
        throw tokens.error('caching SERVFAIL responses over 5 minutes is not permitted');
      options.servfail = milliseconds / 1000;
      break;
    }
    case 'disable': {
      const [which, ...zones] = tokens.args(1, Number.POSITIVE_INFINITY);
      if (which !== 'success' && which !== 'denial')
        throw tokens.error('cache type for disable must be "success" or "denial"');
      options[which].except = zones.length > 0 ? zones.map((zone) => fqdn(zone).toLowerCase()) : ['.'];
      break;
    }
    case 'keepttl':
      tokens.args(0);
      options.keepTtl = true;
      break;
    default:
      throw tokens.argError();
  }
}

/** `[DURATION] [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]`. */
function parseServeStale(tokens: Dispenser): ServeStale {
  const [text = '1h', mode = 'immediate', ...rest] = tokens.args(0, 5);
  const lower = mode.toLowerCase();
  if (lower !== 'immediate' && lower !== 'verify')
    throw tokens.error(`invalid value for serve_stale refresh mode: ${mode}`);
  const verify = lower === 'verify';
  const timeout = verify ? (rest.shift() ?? '0') : '0';
  const [ttlText = '0', recheckText = '0', extra] = rest;
  if (extra !== undefined) throw tokens.argError();
  const ttl = duration(tokens, ttlText, 'the TTL of serve_stale') / 1000;
  if (!Number.isInteger(ttl) || ttl >= 2 ** 32)
    throw tokens.error(`the TTL of serve_stale must be whole seconds: ${ttlText}`);
  const recheck = duration(tokens, recheckText, 'the failure recheck of serve_stale');
  if (recheck > 300_000)
    throw tokens.error(`the failure recheck of serve_stale may not exceed 5 minutes: ${recheckText}`);
  return {
    duration: duration(tokens, text, 'serve_stale'),
    verify,
    verifyTimeout: duration(tokens, timeout, 'the verify timeout of serve_stale'),
    ttl,
    recheck,
  };
}

function parseLimits(tokens: Dispenser, limits: Limits): void {
  const [capacity, most, least] = tokens.args(1, 3).map((text) => {
    const value = parseInteger(text);
    if (value === undefined) throw tokens.error(`invalid number ${JSON.stringify(text)}`);
    return value;
  });
  if (most !== undefined && most <= 0) throw tokens.error(`cache TTL can not be zero or negative: ${most}`);
  if (least !== undefined && least < 0) throw tokens.error(`cache min TTL can not be negative: ${least}`);
  limits.capacity = capacity ?? limits.capacity;
  limits.most = most ?? limits.most;
  limits.least = least ?? limits.least;
}

function parsePrefetch(tokens: Dispenser): NonNullable<CacheOptions['prefetch']> {
  const [amountText = '', text = '1m', percent = '10%'] = tokens.args(1, 3);
  const amount = parseInteger(amountText);
  if (amount === undefined || amount < 0)
    throw tokens.error(`prefetch amount should be positive: ${amountText}`);
  if (!percent.endsWith('%'))
    throw tokens.error(`last character of percentage should be \`%\`, but is: "${percent.at(-1) ?? ''}"`);
  const percentage = parseInteger(percent.slice(0, -1));
  if (percentage === undefined || percentage < 10 || percentage > 90)
    throw tokens.error(`percentage should fall in range [10, 90]: ${percent.slice(0, -1)}`);
  return { amount, duration: duration(tokens, text, 'prefetch'), percentage };
}

function duration(tokens: Dispenser, text: string, of: string): number {
  const value = parseDuration(text);
  if (value === undefined) throw tokens.error(`invalid duration ${JSON.stringify(text)} for ${of}`);
  if (value < 0) throw tokens.error(`invalid negative duration for ${of}`);
  return value;
}
