/** How surprising is a code word this near, if nothing was embedded? Logarithms to base 2. */

import { log2 } from "../pvalue.ts";

const GRID = 16384; // steps that all weights together have at most
const FINEST = 64; // steps of an average weight
const HOPELESS = 0.4; // share of the weight from which on nothing is worth computing
const LARGE = 1e200;

/** Bound the chance that one of 2^payloadBits words is within `errors` of a random word. */
export function log2PHard(errors: number, length: number, payloadBits: number): number {
  let term = 1n;
  let total = 1n;
  for (let i = 1; i <= Math.min(errors, length); i++) {
    term = (term * BigInt(length - i + 1)) / BigInt(i);
    total += term;
  }
  return payloadBits + log2(total) - length;
}

/**
 * Bound the chance that one of the words disagrees with so little of the weight.
 *
 * The sum of the weights of random bits is convolved on a grid, weights rounded down, which makes
 * small sums more likely: the result is never below the truth.
 */
export function log2PSoft(weights: Float64Array, wrong: readonly boolean[], payloadBits: number): number {
  const total = weights.reduce((sum, one) => sum + one, 0);
  const lost = sumWhere(weights, wrong);
  if (lost >= HOPELESS * total) return 0;
  const scaled = weights.map((one) => one * (Math.min(FINEST * weights.length, GRID) / total));
  const limit = Math.floor(sumWhere(scaled, wrong));
  const chances = new Float64Array(limit + 1);
  chances[0] = 1;
  let exponent = 0;
  for (const step of scaled.map(Math.floor)) {
    if (step > limit) continue; // if that bit were wrong, the sum would be too large
    for (let i = limit; i >= step; i--) chances[i]! += chances[i - step]!;
    if (chances.reduce((most, one) => Math.max(most, one)) > LARGE) {
      for (let i = 0; i <= limit; i++) chances[i]! *= 2 ** -600;
      exponent += 600;
    }
  }
  const sum = chances.reduce((all, one) => all + one, 0);
  return payloadBits + Math.log2(sum) + exponent - weights.length;
}

function sumWhere(weights: Float64Array, wrong: readonly boolean[]): number {
  return weights.reduce((sum, one, i) => (wrong[i] ? sum + one : sum), 0);
}
