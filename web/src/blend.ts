/** Adding a watermark to a picture of any size, strip by strip, in single precision as Python does. */

import { attenuationRows } from "./attenuation.ts";
import type { MarkContract } from "./contract.ts";
import type { Pixels, Plane } from "./pixels.ts";
import { RowStretcher } from "./resize.ts";
import { halvesToEven } from "./rounding.ts";

const STRIP_ROWS = 64;
const f = Math.fround;

/** A marked picture, and how far it is from its source. */
export interface Marked {
  readonly pixels: Pixels;
  /** Peak signal-to-noise ratio over red, green and blue after rounding; infinite if equal. */
  readonly psnrDb: number;
}

/**
 * Return `scaling_i * picture + scaling_w * map * delta`, clamped, rounded halves to even.
 *
 * @param picture what to mark; it is left as it is, and so is its transparency.
 * @param delta float32 [side, side, 1 or 3], -1..1.
 * @param mark the factors and the map.
 * @param strength what `scaling_w` is multiplied with; 1 is what the model was trained for.
 */
export function blend(picture: Pixels, delta: Plane, mark: MarkContract, strength = 1): Marked {
  const { width, height } = picture;
  const marked = new Uint8ClampedArray(picture.data);
  const pattern = new RowStretcher(delta, height, width);
  const own = f(mark.scaling_i);
  const added = f(mark.scaling_w * strength);
  let squaredError = 0;
  for (let start = 0; start < height; start += STRIP_ROWS) {
    const stop = Math.min(height, start + STRIP_ROWS);
    const heat = mark.attenuation && attenuationRows(picture, mark.attenuation, start, stop);
    for (let y = start; y < stop; y++) {
      const watermark = pattern.row(y);
      for (let i = 0; i < 3 * width; i++) {
        const x = Math.trunc(i / 3);
        const c = i - 3 * x;
        let value = watermark[delta.channels === 1 ? x : i]!;
        if (heat) {
          const place = (y - start) * width + x;
          value = f(value * heat.data[heat.channels === 1 ? place : 3 * place + c]!);
        }
        const at = 4 * (y * width + x) + c;
        const before = picture.data[at]!;
        const sum = f(f(own * f(before / 255)) + f(added * value));
        const after = halvesToEven(f(Math.min(1, Math.max(0, sum)) * 255));
        marked[at] = after;
        squaredError += (after - before) ** 2;
      }
    }
  }
  const mean = squaredError / (3 * width * height);
  return { pixels: { width, height, data: marked }, psnrDb: 10 * Math.log10(255 ** 2 / mean) };
}
