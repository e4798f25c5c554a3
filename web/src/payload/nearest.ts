/**
 * Searching near code words with what the detector is sure of.
 *
 * Ordered-statistics decoding (Fossorier, Lin 1995): the most reliable bits that determine a code
 * word are taken as read, then with up to three of them flipped.
 */

import type { Bits } from "../bits.ts";

const TRIPLES_UP_TO = 96; // payload bits; beyond, they would take seconds

/**
 * Return the code word found that disagrees with the least weight.
 *
 * @param generator rows that span the code, independent.
 * @param word the bits as read.
 * @param weights how sure each is, 0 or more.
 */
export function nearest(generator: readonly Bits[], word: Bits, weights: Float64Array): Bits {
  const order = [...weights.keys()].sort((a, b) => weights[b]! - weights[a]! || a - b);
  const { rows, basis } = reduce(generator, order);
  const start = new Uint8Array(word.length);
  basis.forEach((place, i) => word[place] && addTo(start, rows[i]!));
  const agreement = weights.map((weight, i) => (start[i] === word[i] ? weight : -weight));
  for (const flip of bestFlips(rows, agreement)) addTo(start, rows[flip]!);
  return start;
}

/** Which of the rows, at most three, to add for the largest agreement. */
function bestFlips(rows: readonly Bits[], agreement: Float64Array): number[] {
  const signs = rows.map((row) => Float64Array.from(row, (bit) => 1 - 2 * bit));
  let best = agreement.reduce((sum, one) => sum + one, 0);
  let found: number[] = [];
  const consider = (value: number, flips: number[]) => {
    if (value > best) [best, found] = [value, flips];
  };
  signs.forEach((one, i) => consider(dot(one, agreement), [i]));
  const pairs = (weighted: Float64Array, from: number, before: number[]) => {
    for (let i = from; i < signs.length; i++) {
      const own = signs[i]!.map((sign, place) => sign * weighted[place]!);
      for (let j = i + 1; j < signs.length; j++) consider(dot(own, signs[j]!), [...before, i, j]);
    }
  };
  pairs(agreement, 0, []);
  if (signs.length > TRIPLES_UP_TO) return found;
  signs.forEach((one, i) => pairs(agreement.map((a, place) => a * one[place]!), i + 1, [i]));
  return found;
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i]! * other[i]!;
  return sum;
}

/** Equal rows with unit columns at the first independent places of an order. */
function reduce(generator: readonly Bits[], order: readonly number[]): { rows: Bits[]; basis: number[] } {
  const rows = generator.map((row) => row.slice());
  const basis: number[] = [];
  for (const place of order) {
    const next = basis.length;
    if (next === rows.length) break;
    const pivot = rows.findIndex((row, i) => i >= next && row[place] === 1);
    if (pivot < 0) continue;
    [rows[next], rows[pivot]] = [rows[pivot]!, rows[next]!];
    rows.forEach((row, i) => i !== next && row[place] && addTo(row, rows[next]!));
    basis.push(place);
  }
  return { rows, basis };
}

function addTo(target: Bits, other: Bits): void {
  for (let i = 0; i < target.length; i++) target[i]! ^= other[i]!;
}
