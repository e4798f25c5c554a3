/**
 * How much a viewer notices: the map that some models multiply their watermark with.
 *
 * The contract's formula (Wu et al., IEEE TIP 2017, as upstream has it), in single precision and by
 * rows: values are stored as float32 after each sum, as in Python, and zeros lie around the picture.
 */

import type { AttenuationContract } from "./contract.ts";
import type { Pixels } from "./pixels.ts";

const HALO = 2;
const LUMA = [0.299, 0.587, 0.114] as const;
const BLUE = [0.5, 0.5, 1] as const;
const f = Math.fround;

/** Rows `start` to `stop` of the map: float32 [stop - start, width, channels], 1 channel or 3. */
export function attenuationRows(
  picture: Pixels,
  kind: AttenuationContract,
  start: number,
  stop: number,
): { data: Float32Array; channels: 1 | 3 } {
  const size = (stop - start) * picture.width;
  const fromLuma = kind.in_channels === 1;
  const planes = fromLuma ? [luma] : [0, 1, 2].map((c) => (r: number, g: number, b: number) => [r, g, b][c]!);
  const maps = planes.map((level) => visibility(picture, level, start, stop));
  if (maps.length === 3 && kind.out_channels === 1) {
    const mean = maps[0]!.map((value, i) => f(f(f(value / 3) + f(maps[1]![i]! / 3)) + f(maps[2]![i]! / 3)));
    return { data: mean, channels: 1 };
  }
  if (maps.length === 1 && !kind.blue) return { data: maps[0]!, channels: 1 };
  const data = new Float32Array(3 * size);
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) {
      const value = maps[maps.length === 1 ? 0 : c]![i]!;
      data[3 * i + c] = kind.blue ? f(value * BLUE[c]!) : value;
    }
  }
  return { data, channels: 3 };
}

function luma(red: number, green: number, blue: number): number {
  const [r, g, b] = LUMA.map(f) as [number, number, number];
  return f(f(f(r * red) + f(g * green)) + f(b * blue));
}

type Level = (red: number, green: number, blue: number) => number;

/** The map of one plane, on the scale 0..1. */
function visibility(picture: Pixels, level: Level, start: number, stop: number): Float32Array {
  const { width } = picture;
  const line = width + 2 * HALO;
  const padded = paddedRows(picture, level, start - HALO, stop + HALO);
  const map = new Float32Array((stop - start) * width);
  for (let y = 0; y < stop - start; y++) {
    for (let x = 0; x < width; x++) {
      const middle = (y + HALO) * line + x + HALO;
      const luminance = luminanceMasking(padded, line, middle);
      const contrast = contrastMasking(padded, line, middle);
      const both = f(f(luminance + contrast) - f(f(0.3) * Math.min(luminance, contrast)));
      map[y * width + x] = f(Math.max(both, 0) / 255);
    }
  }
  return map;
}

/** Levels 0..255 of rows, [stop - start, width + 4], zeros outside of the picture. */
function paddedRows(picture: Pixels, level: Level, start: number, stop: number): Float32Array {
  const { width, height, data } = picture;
  const line = width + 2 * HALO;
  const padded = new Float32Array((stop - start) * line);
  for (let y = Math.max(0, start); y < Math.min(height, stop); y++) {
    for (let x = 0; x < width; x++) {
      const i = 4 * (y * width + x);
      padded[(y - start) * line + x + HALO] = level(data[i]!, data[i + 1]!, data[i + 2]!);
    }
  }
  return padded;
}

/** What the brightness around a pixel hides: a box of 5 x 5 and one of 3 x 3, less twice the middle. */
function luminanceMasking(p: Float32Array, line: number, middle: number): number {
  let sum = 0;
  for (let dy = -2; dy <= 2; dy++) {
    const row = middle + dy * line;
    sum += p[row - 2]! + p[row - 1]! + p[row]! + p[row + 1]! + p[row + 2]!;
    if (dy >= -1 && dy <= 1) sum += p[row - 1]! + p[row]! + p[row + 1]!;
  }
  const mean = f((sum - 2 * p[middle]!) / 32);
  if (mean <= 127) return f(17 * f(1 - f(Math.sqrt(f(f(mean / 127) + f(1e-5))))));
  return f(f(f(mean - 127) * f(3 / 128)) + 3);
}

/** What the edges at a pixel hide, from Sobel's gradient. */
function contrastMasking(p: Float32Array, line: number, middle: number): number {
  const above = middle - line;
  const below = middle + line;
  const across =
    p[above + 1]! - p[above - 1]! + 2 * (p[middle + 1]! - p[middle - 1]!) + p[below + 1]! - p[below - 1]!;
  const along =
    p[above - 1]! + 2 * p[above]! + p[above + 1]! - p[below - 1]! - 2 * p[below]! - p[below + 1]!;
  const squared = f(across * across + along * along);
  return f(f(f(0.117 * 16) * f(Math.pow(squared, f(1.2)))) / f(squared + 676));
}
