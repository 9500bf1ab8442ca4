/** Powers of 1024 by suffix. */
export const binarySuffix: Readonly<Record<string, number>> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };

/** Powers of 10 by suffix. */
export const decimalSuffix: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

/** The value of a quantity (`100m`, `1Gi`, `2e3`) as a number; NaN for what is none. */
export function quantityValue(text: string): number {
  const [, digits = '', suffix = ''] =
    /^([+-]?[\d.]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/.exec(text) ?? [];
  if (digits === '') return Number.NaN;
  const power = binarySuffix[suffix];
  if (power !== undefined) return Number(digits) * 1024 ** power;
  const exponent = decimalSuffix[suffix] ?? Number(suffix.slice(1));
  return Number(`${digits}e${exponent}`);
}
