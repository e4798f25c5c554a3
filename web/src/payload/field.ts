/** GF(2^m) as tables of powers and logarithms; an element's bits are coefficients. */

export interface Field {
  /** 2^m - 1, the number of elements other than zero. */
  readonly cycle: number;
  /** Powers of the generator x, twice around. */
  readonly powers: Int32Array;
  /** The inverse; of 0 it means nothing. */
  readonly logarithms: Int32Array;
}

/** Build the tables of a primitive polynomial. */
export function fieldOf(polynomial: number): Field {
  const order = 31 - Math.clz32(polynomial);
  const cycle = (1 << order) - 1;
  const powers = new Int32Array(2 * cycle);
  const logarithms = new Int32Array(cycle + 1);
  let element = 1;
  for (let i = 0; i < cycle; i++) {
    powers[i] = powers[i + cycle] = element;
    logarithms[element] = i;
    element <<= 1;
    if (element > cycle) element ^= polynomial;
  }
  return { cycle, powers, logarithms };
}

/** Multiply two elements. */
export function multiply(field: Field, one: number, other: number): number {
  if (one === 0 || other === 0) return 0;
  return field.powers[field.logarithms[one]! + field.logarithms[other]!]!;
}

/** Divide two elements that are not zero. */
export function divide(field: Field, dividend: number, divisor: number): number {
  const difference = field.logarithms[dividend]! - field.logarithms[divisor]! + field.cycle;
  return field.powers[difference]!;
}
