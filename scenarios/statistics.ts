/** The statistics by which a scenario judges load balancing. */

/** What a chi-square test of equal shares found. */
export interface EqualShares {
  /** Pearson's statistic, with `degrees` degrees of freedom. */
  statistic: number;
  degrees: number;
  /** How often equal shares would deviate at least this much: P(X² ≥ statistic). */
  probability: number;
}

/** Tests that every count is a draw from equal shares. Throws when nothing was counted. */
export function testEqualShares(counts: readonly number[]): EqualShares {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) throw new Error('a chi-square test needs at least one observation');
  const expected = total / counts.length;
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const degrees = counts.length - 1;
  return { statistic, degrees, probability: chiSquareTail(statistic, degrees) };
}

/**
 * The upper tail of the chi-square distribution. Exact: for even degrees a finite sum, for odd ones the
 * complementary error function and a finite sum (Abramowitz & Stegun 26.4.4, 26.4.5).
 */
export function chiSquareTail(statistic: number, degrees: number): number {
  if (degrees === 0) return 1;
  const half = statistic / 2;
  let term = degrees % 2 === 0 ? Math.exp(-half) : Math.sqrt((2 * statistic) / Math.PI) * Math.exp(-half);
  let sum = degrees % 2 === 0 ? term : erfc(Math.sqrt(half));
  for (let k = degrees % 2 === 0 ? 2 : 1; k < degrees; k += 2) {
    if (degrees % 2 === 0) term *= half / (k / 2);
    else if (k > 1) term *= statistic / k;
    sum += term;
  }
  return sum;
}

/** Complementary error function for x ≥ 0 (Numerical Recipes' Chebyshev fit; relative error below 1.2e-7). */
function erfc(x: number): number {
  const t = 1 / (1 + x / 2);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
    -0.82215223, 0.17087277,
  ];
  const series = coefficients.reduceRight((sum, coefficient) => coefficient + t * sum, 0);
  return t * Math.exp(-x * x + series);
}

/** How many neighbours in a row are equal: about 1 in `kinds` for random choice, none for round robin. */
export function countRepeats(sequence: readonly string[]): number {
  return sequence.filter((value, index) => index > 0 && value === sequence[index - 1]).length;
}
