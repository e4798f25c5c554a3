import { expect, test } from "vitest";

import { inspectPicture } from "../src/picture-file.ts";

const PLAIN = { isAnimated: false, depth: 8, isCmyk: false };

function bytes(...parts: (string | number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...part].map((c) => c.charCodeAt(0)) : part)));
}

function chunk(name: string, data: number[]): number[] {
  return [0, 0, 0, data.length, ...bytes(name), ...data, 0, 0, 0, 0];
}

function png(depth: number, ...chunks: number[][]): Uint8Array {
  const head = chunk("IHDR", [0, 0, 1, 0, 0, 0, 0, 32, depth, 2, 0, 0, 0]);
  return bytes("\x89PNG\r\n\x1a\n", head, ...chunks, chunk("IDAT", [1, 2, 3]));
}

const FRAME = [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 1, 7, 0];
const GIF = (...frames: number[][]) => bytes("GIF89a", [5, 0, 6, 0, 0, 0, 0], ...frames, [0x3b]);

test.each([
  ["a PNG", png(8), { format: "png", width: 256, height: 32 }],
  ["a PNG of 16 bits", png(16), { format: "png", width: 256, height: 32, depth: 16 }],
  ["an animated PNG", png(8, chunk("acTL", [0, 0, 0, 2, 0, 0, 0, 0])), { format: "png", width: 256, height: 32, isAnimated: true }],
  ["a GIF", GIF(FRAME), { format: "gif", width: 5, height: 6 }],
  ["an animated GIF", GIF(FRAME, FRAME), { format: "gif", width: 5, height: 6, isAnimated: true }],
  ["a JPEG", bytes([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 17, 8, 0, 9, 0, 8, 3]), { format: "jpeg", width: 8, height: 9 }],
  ["a JPEG of four inks", bytes([0xff, 0xd8, 0xff, 0xc2, 0, 17, 8, 0, 9, 0, 8, 4]), { format: "jpeg", width: 8, height: 9, isCmyk: true }],
  ["a WebP with parts", bytes("RIFF", [0, 0, 0, 0], "WEBPVP8X", [10, 0, 0, 0, 2, 0, 0, 0, 6, 0, 0, 4, 0, 0]), { format: "webp", width: 7, height: 5, isAnimated: true }],
  ["a HEIC", bytes([0, 0, 0, 24], "ftypheic"), { format: "heic", width: null, height: null }],
  ["an animated AVIF", bytes([0, 0, 0, 24], "ftypavis"), { format: "avif", width: null, height: null, isAnimated: true }],
  ["an MP4", bytes([0, 0, 0, 24], "ftypisom"), { format: "video", width: null, height: null }],
  ["a WebM", bytes([0x1a, 0x45, 0xdf, 0xa3]), { format: "video", width: null, height: null }],
  ["a TIFF", bytes("II*\0", [0, 0]), { format: "tiff", width: null, height: null }],
  ["a PNG that is cut short", png(8).slice(0, 18), { format: "png", width: null, height: null }],
  ["a text", bytes("hello"), { format: "unknown", width: null, height: null }],
  ["nothing", bytes(), { format: "unknown", width: null, height: null }],
] as const)("%s is known by its head", (_what, file, facts) => {
  expect(inspectPicture(file)).toEqual({ ...PLAIN, ...facts });
});
