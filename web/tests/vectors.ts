/** What Python computed (tools/web_vectors.py), decoded. */

import { readFileSync } from "node:fs";

import type { MarkContract, PayloadContract } from "../src/contract.ts";
import type { Pixels, Plane } from "../src/pixels.ts";

interface Stored {
  readonly shape: readonly number[];
  readonly bytes?: string;
  readonly floats?: string;
}

interface StoredPayload {
  readonly kind: "text" | "id" | "hex" | "bits";
  readonly value: string;
}

interface Vectors {
  readonly resize: readonly Record<"picture" | "resized_picture" | "plane" | "resized_plane", Stored>[];
  readonly blend: readonly {
    readonly picture: Stored;
    readonly delta: Stored;
    readonly mark: MarkContract;
    readonly marked: Stored;
    readonly psnr_db: number;
  }[];
  readonly payload: readonly {
    readonly bits: number;
    readonly contract: PayloadContract;
    readonly encoded: readonly { readonly payload: StoredPayload; readonly message: string }[];
    readonly readings: readonly {
      readonly logits: Stored;
      readonly status: string;
      readonly payload: StoredPayload | null;
      readonly corrected_errors: number | null;
      readonly correctable_errors: number;
      readonly log10_p_value: number;
    }[];
  }[];
  readonly p_values: readonly { readonly matching: number; readonly bits: number; readonly log10: number }[];
}

export const vectors = JSON.parse(
  readFileSync(new URL("vectors.json", import.meta.url), "utf8"),
) as Vectors;

export function floats(stored: Stored): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(stored.floats!, "base64")).buffer);
}

export function plane(stored: Stored): Plane {
  const [height, width, channels] = stored.shape as [number, number, number];
  return { data: floats(stored), height, width, channels };
}

/** RGB bytes as the RGBA of a canvas, with some transparency that must not matter. */
export function pixels(stored: Stored): Pixels {
  const [height, width] = stored.shape as [number, number];
  const rgb = Buffer.from(stored.bytes!, "base64");
  const data = new Uint8Array(4 * width * height);
  for (let i = 0; i < data.length; i++) {
    data[i] = i % 4 === 3 ? i % 256 : rgb[3 * (i >> 2) + (i % 4)]!;
  }
  return { data, height, width };
}

/** The largest difference of two rows of numbers of one length. */
export function largestDifference(one: ArrayLike<number>, other: ArrayLike<number>): number {
  if (one.length !== other.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < one.length; i++) {
    largest = Math.max(largest, Math.abs(one[i]! - other[i]!));
  }
  return largest;
}
