/** A decoded picture of 8 bits. */

/** RGBA as a canvas gives it, row by row; `data` has `4 * width * height` values. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** Values of a picture or a watermark: float32 [height, width, channels], row by row. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Float32Array;
}
