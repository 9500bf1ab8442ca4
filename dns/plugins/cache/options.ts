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
  /** Replies may be used for so long after they expired (ms); `verify` asks for a new one first. */
  serveStale?: { duration: number; verify: boolean };
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
  };
  while (tokens.nextBlock()) parseProperty(tokens, options);
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
    case 'serve_stale': {
      const [text = '1h', mode = 'immediate'] = tokens.args(0, 2);
      const lower = mode.toLowerCase();
      if (lower !== 'immediate' && lower !== 'verify')
        throw tokens.error(`invalid value for serve_stale refresh mode: ${mode}`);
      options.serveStale = { duration: duration(tokens, text, 'serve_stale'), verify: lower === 'verify' };
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
