/** How surprising are that many matching bits in a picture without the mark? */

/** The logarithm to base 2 of an integer of any size, above 0. */
export function log2(value: bigint): number {
  const bits = value.toString(16).length * 4;
  const shift = Math.max(0, bits - 64);
  return Math.log2(Number(value >> BigInt(shift))) + shift;
}

/** The decimal logarithm of P[Binomial(bits, 1/2) >= matching]. */
export function log10PValue(matching: number, bits: number): number {
  let term = 1n;
  let total = 0n;
  for (let matches = bits; matches >= matching; matches--) {
    total += term;
    term = (term * BigInt(matches)) / BigInt(bits - matches + 1);
  }
  return Math.min(0, (log2(total) - bits) * Math.log10(2));
}
