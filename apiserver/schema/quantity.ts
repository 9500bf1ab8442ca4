import { binarySuffix as binary, decimalSuffix as decimal } from '../../api/quantity.ts';

export { quantityValue } from '../../api/quantity.ts';

const nanos = 10n ** 9n;
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];

/**
 * The form in which a quantity is stored and shown: `1000m` is `1`, `0.5` is `500m`, `1024Mi` is `1Gi`.
 * Finer than a billionth is rounded up. Upstream: apimachinery `resource.Quantity.CanonicalizeBytes`.
 */
export function canonicalQuantity(text: string): string {
  const [, sign = '', whole = '', fraction = '', suffix = ''] =
    /^([+-]?)(\d*)\.?(\d*)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/.exec(text) ?? [];
  const power = binary[suffix];
  const exponent = power === undefined ? (decimal[suffix] ?? Number(suffix.slice(1))) : 0;
  if (Math.abs(exponent) > 30) return text;
  const scaled = BigInt(`${whole}${fraction}` || '0') * 1024n ** BigInt(power ?? 0) * nanos;
  const value = shift(scaled, exponent - fraction.length);
  const minus = sign === '-' && value > 0n ? '-' : '';
  if (power !== undefined && value >= 1024n * nanos) {
    return minus + reduce((value + nanos - 1n) / nanos, 1024n, binarySuffixes);
  }
  if (/^[eE]/.test(suffix)) return minus + exponential(value);
  return minus + reduce(value, 1000n, decimalSuffixes);
}

/** `value * 10 ** places`, rounded up. */
function shift(value: bigint, places: number): bigint {
  if (places >= 0) return value * 10n ** BigInt(places);
  const divisor = 10n ** BigInt(-places);
  return (value + divisor - 1n) / divisor;
}

/** The smallest whole number with the largest suffix. */
function reduce(value: bigint, base: bigint, suffixes: readonly string[]): string {
  if (value === 0n) return '0';
  let rest = value;
  let index = 0;
  while (rest % base === 0n && index < suffixes.length - 1) {
    rest /= base;
    index++;
  }
  return `${rest}${suffixes[index]}`;
}

/** As {@link reduce}, with `e3`, `e6` … for suffixes. */
function exponential(value: bigint): string {
  const suffixes = Array.from({ length: 20 }, (_, index) => (index === 3 ? '' : `e${3 * index - 9}`));
  return reduce(value, 1000n, suffixes);
}
