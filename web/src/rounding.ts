/** Rounding as numpy's and IEEE's: halves to the even neighbour. */
export function halvesToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
