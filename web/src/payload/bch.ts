/** Decoding binary BCH codes: Berlekamp and Massey's locator, Chien's search for its roots. */

import type { Bits } from "../bits.ts";
import { divide, multiply, type Field } from "./field.ts";

/**
 * Return the code word within `errors` of a word, or null if there is none.
 *
 * With a parity bit it may return one that is farther by that bit.
 */
export function decode(field: Field, errors: number, hasParity: boolean, word: Bits): Bits | null {
  const cyclic = word.slice(0, word.length - Number(hasParity));
  const syndromes = syndromesOf(field, errors, cyclic);
  if (syndromes.some((one) => one)) {
    const places = placesOf(field, errors, locatorOf(field, syndromes), cyclic.length);
    if (places === null) return null;
    for (const place of places) cyclic[place]! ^= 1;
  }
  const parity = cyclic.reduce((sum, bit) => sum ^ bit, 0);
  return hasParity ? Uint8Array.from([...cyclic, parity]) : cyclic;
}

/** The word's polynomial at x, x^2, ..., x^(2 errors); all zero for a code word. */
function syndromesOf(field: Field, errors: number, cyclic: Bits): number[] {
  return Array.from({ length: 2 * errors }, (_, i) => {
    let sum = 0;
    for (let place = 0; place < cyclic.length; place++) {
      const exponent = cyclic.length - 1 - place;
      if (cyclic[place]) sum ^= field.powers[((i + 1) * exponent) % field.cycle]!;
    }
    return sum;
  });
}

/** The shortest polynomial that generates the syndromes, lowest power first. */
function locatorOf(field: Field, syndromes: readonly number[]): number[] {
  let locator = [1];
  let previous = [1];
  let degree = 0;
  let gap = 1;
  let last = 1;
  syndromes.forEach((syndrome, step) => {
    let discrepancy = syndrome;
    for (let i = 1; i <= degree; i++) {
      discrepancy ^= multiply(field, locator[i] ?? 0, syndromes[step - i]!);
    }
    if (discrepancy === 0) {
      gap += 1;
      return;
    }
    const factor = divide(field, discrepancy, last);
    const change = [...Array<number>(gap).fill(0), ...previous.map((one) => multiply(field, one, factor))];
    const size = Math.max(locator.length, change.length);
    const sum = Array.from({ length: size }, (_, i) => (locator[i] ?? 0) ^ (change[i] ?? 0));
    if (2 * degree <= step) {
      [previous, degree, last, gap] = [locator, step + 1 - degree, discrepancy, 0];
    }
    locator = sum;
    gap += 1;
  });
  return locator.slice(0, locator.findLastIndex((one) => one !== 0) + 1);
}

/** The places of the errors, or null if the locator does not have them all. */
function placesOf(field: Field, errors: number, locator: number[], length: number): number[] | null {
  const degree = locator.length - 1;
  if (degree > errors) return null;
  const places: number[] = [];
  for (let exponent = 0; exponent < length; exponent++) {
    let value = 0;
    locator.forEach((factor, power) => {
      const turn = (power * exponent) % field.cycle;
      if (factor) value ^= field.powers[field.logarithms[factor]! - turn + field.cycle]!;
    });
    if (value === 0) places.push(length - 1 - exponent);
  }
  return places.length === degree ? places : null;
}
