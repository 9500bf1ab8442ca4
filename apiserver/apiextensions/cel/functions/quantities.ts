import type { Environment } from '@marcbachmann/cel-js';
import { binarySuffix, decimalSuffix } from '../../../../api/quantity.ts';
import { canonicalQuantity } from '../../../schema/quantity.ts';

const nanos = 10n ** 9n;

/** An amount, exact to a billionth. */
class Quantity {
  readonly nano: bigint;
  constructor(nano: bigint) {
    this.nano = nano;
  }
  valueOf(): bigint {
    return this.nano;
  }
  toString(): string {
    return this.nano % nanos === 0n
      ? canonicalQuantity(`${this.nano / nanos}`)
      : canonicalQuantity(`${this.nano}n`);
  }
}

/** `quantity("1.5Gi")` and what can be asked of it. Upstream: `library/quantity.go`. */
export function registerQuantities(environment: Environment): void {
  const type = 'kubernetes.Quantity';
  environment.registerType(type, { ctor: Quantity, fields: {} });
  environment.registerFunction('isQuantity(string): bool', (text: string) => parse(text) !== undefined);
  environment.registerFunction(`quantity(string): ${type}`, (text: string) => {
    const nano = parse(text);
    if (nano === undefined) throw new Error(malformed);
    return new Quantity(nano);
  });
  environment.registerOperator(`${type} == ${type}`, (a: Quantity, b: Quantity) => a.nano === b.nano);
  const ask = (name: string, result: string, answer: (a: Quantity) => unknown) =>
    environment.registerFunction(`${type}.${name}(): ${result}`, answer);
  ask('sign', 'int', ({ nano }) => BigInt(nano > 0n ? 1 : nano < 0n ? -1 : 0));
  ask('isInteger', 'bool', ({ nano }) => nano % nanos === 0n && fits(nano / nanos));
  ask('asInteger', 'int', ({ nano }) => {
    if (nano % nanos !== 0n || !fits(nano / nanos)) throw new Error('cannot convert value to integer');
    return nano / nanos;
  });
  ask('asApproximateFloat', 'double', ({ nano }) => Number(nano) / Number(nanos));
  const compare = (name: string, result: string, answer: (a: bigint, b: bigint) => unknown) =>
    environment.registerFunction(`${type}.${name}(${type}): ${result}`, (a: Quantity, b: Quantity) =>
      answer(a.nano, b.nano),
    );
  compare('isGreaterThan', 'bool', (a, b) => a > b);
  compare('isLessThan', 'bool', (a, b) => a < b);
  compare('compareTo', 'int', (a, b) => BigInt(a > b ? 1 : a < b ? -1 : 0));
  compare('add', type, (a, b) => new Quantity(a + b));
  compare('sub', type, (a, b) => new Quantity(a - b));
  for (const [name, sign] of [
    ['add', 1n],
    ['sub', -1n],
  ] as const) {
    environment.registerFunction(
      `${type}.${name}(int): ${type}`,
      (a: Quantity, b: bigint) => new Quantity(a.nano + sign * b * nanos),
    );
  }
}

const malformed =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

const fits = (value: bigint) => value >= -(2n ** 63n) && value < 2n ** 63n;

/** In billionths, rounded away from zero; undefined for what is no quantity. */
function parse(text: string): bigint | undefined {
  const [, sign, whole = '', , fraction = '', suffix = ''] =
    /^([+-]?)(\d*)(\.(\d*))?([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/.exec(text) ?? [];
  if (sign === undefined || whole + fraction === '') return undefined;
  const power = binarySuffix[suffix];
  const exponent = power === undefined ? (decimalSuffix[suffix] ?? Number(suffix.slice(1))) : 0;
  if (Math.abs(exponent) > 30) return undefined;
  const scaled = BigInt(whole + fraction) * 1024n ** BigInt(power ?? 0) * nanos;
  const places = exponent - fraction.length;
  const divisor = 10n ** BigInt(Math.max(-places, 0));
  const value = (scaled * 10n ** BigInt(Math.max(places, 0)) + divisor - 1n) / divisor;
  return sign === '-' ? -value : value;
}
