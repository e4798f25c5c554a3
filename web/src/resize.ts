/**
 * The one resize: antialiased bilinear, as Python's and the contract's formula.
 *
 * Along one axis of n source pixels to m: s = n / m, r = max(s, 1); result i is the sum of
 * w(j) source(j), w(j) = max(0, 1 - |j + 0.5 - (i + 0.5) s| / r), divided by the sum of the w(j).
 */

import type { Pixels, Plane } from "./pixels.ts";

/** Which source pixels make result i: `count[i]` of them from `first[i]`, weights from `i * span`. */
interface Axis {
  readonly span: number;
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Float64Array;
}

/** Resize a picture of 8 bits to float32 [height, width, 3], 0..1; transparency is ignored. */
export function resizePixels(source: Pixels, height: number, width: number): Plane {
  const axis = axisOf(source.width, width);
  const wide = new Float32Array(source.height * width * 3);
  for (let y = 0; y < source.height; y++) {
    combine(source.data, 4 * y * source.width, 4, axis, wide, 3 * y * width, 3, 3);
  }
  const resized = resizeRows({ data: wide, height: source.height, width, channels: 3 }, height);
  for (let i = 0; i < resized.data.length; i++) resized.data[i]! /= 255;
  return resized;
}

/** Resize float32 [H, W, C] to float32 [height, width, C]. */
export function resizePlane(source: Plane, height: number, width: number): Plane {
  return resizeRows(resizeColumns(source, width), height);
}

/** Resizes a small plane to a large one, one row at a time. */
export class RowStretcher {
  readonly #wide: Plane;
  readonly #axis: Axis;
  readonly #row: Float32Array;

  constructor(plane: Plane, height: number, width: number) {
    this.#wide = resizeColumns(plane, width);
    this.#axis = axisOf(plane.height, height);
    this.#row = new Float32Array(width * plane.channels);
  }

  /** Row y of the result, float32 [width, C]; overwritten by the next call. */
  row(y: number): Float32Array {
    mixRow(this.#wide, this.#axis, y, this.#row, 0);
    return this.#row;
  }
}

function resizeColumns(source: Plane, width: number): Plane {
  const { channels, height } = source;
  if (source.width === width) return source;
  const axis = axisOf(source.width, width);
  const data = new Float32Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    const from = channels * y * source.width;
    combine(source.data, from, channels, axis, data, channels * y * width, channels, channels);
  }
  return { data, height, width, channels };
}

function resizeRows(source: Plane, height: number): Plane {
  if (source.height === height) return source;
  const axis = axisOf(source.height, height);
  const line = source.width * source.channels;
  const data = new Float32Array(height * line);
  for (let y = 0; y < height; y++) mixRow(source, axis, y, data, y * line);
  return { ...source, data, height };
}

/** Write row y of the result: the weighted sum of rows of the source. */
function mixRow(source: Plane, axis: Axis, y: number, target: Float32Array, to: number): void {
  const line = source.width * source.channels;
  const sums = new Float64Array(line);
  for (let k = 0; k < axis.count[y]!; k++) {
    const weight = axis.weights[y * axis.span + k]!;
    const from = (axis.first[y]! + k) * line;
    for (let x = 0; x < line; x++) sums[x]! += weight * source.data[from + x]!;
  }
  target.set(sums, to);
}

/** Write one row of the result; `step` and `stride` are the values per pixel on both sides. */
function combine(
  source: ArrayLike<number>,
  from: number,
  step: number,
  axis: Axis,
  target: Float32Array,
  to: number,
  stride: number,
  channels: number,
): void {
  for (let i = 0; i < axis.first.length; i++) {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      let place = from + step * axis.first[i]! + c;
      for (let k = 0; k < axis.count[i]!; k++, place += step) {
        sum += axis.weights[i * axis.span + k]! * source[place]!;
      }
      target[to + stride * i + c] = sum;
    }
  }
}

function axisOf(n: number, m: number): Axis {
  const scale = n / m;
  const reach = Math.max(scale, 1);
  const span = Math.ceil(2 * reach) + 2;
  const first = new Int32Array(m);
  const count = new Int32Array(m);
  const weights = new Float64Array(m * span);
  for (let i = 0; i < m; i++) {
    const place = (i + 0.5) * scale;
    const start = Math.max(0, Math.floor(place - reach));
    const stop = Math.min(n, Math.ceil(place + reach));
    let sum = 0;
    for (let j = start; j < stop; j++) {
      const weight = Math.max(0, 1 - Math.abs(j + 0.5 - place) / reach);
      weights[i * span + j - start] = weight;
      sum += weight;
    }
    for (let k = 0; k < stop - start; k++) weights[i * span + k]! /= sum;
    first[i] = start;
    count[i] = stop - start;
  }
  return { span, first, count, weights };
}
