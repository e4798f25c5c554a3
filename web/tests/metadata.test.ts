import { expect, test } from "vitest";

import { withMetadata } from "../src/metadata.ts";

function bytes(...parts: (string | readonly number[] | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...part].map((c) => c.charCodeAt(0)) : [...part])));
}

/** A block of Exif with an orientation, as big-endian or little-endian words. */
function exif(orientation: number): Uint8Array {
  return bytes("MM\0*", [0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
}

function segment(marker: number, ...content: Parameters<typeof bytes>): Uint8Array {
  const inside = bytes(...content);
  return bytes([0xff, marker, 0, inside.length + 2], inside);
}

const SCAN = [0xff, 0xda, 0, 2, 1, 2, 3, 0xff, 0xd9];
const JFIF = segment(0xe0, "JFIF\0");

test("a JPEG keeps Exif, profile and comment, lies upright, and keeps nothing of the old coding", () => {
  const [profile, note] = [segment(0xe2, "ICC_PROFILE\0", [1, 1, 7]), segment(0xfe, "hello")];
  const dropped = [segment(0xeb, "JP"), segment(0xee, "Adobe"), segment(0xe2, "MPF\0"), segment(0xdb, [9])];
  const source = bytes([0xff, 0xd8], JFIF, segment(0xe1, "Exif\0\0", exif(6)), profile, ...dropped, note, SCAN);
  const encoded = bytes([0xff, 0xd8], JFIF, segment(0xdb, [5]), SCAN);
  const wanted = bytes([0xff, 0xd8], JFIF, segment(0xe1, "Exif\0\0", exif(1)), profile, note, segment(0xdb, [5]), SCAN);
  expect(withMetadata("jpeg", encoded, source)).toEqual(wanted);
});

function chunk(name: string, content: Parameters<typeof bytes>[0], crc = [0, 0, 0, 0]): Uint8Array {
  const inside = bytes(content);
  return bytes([0, 0, 0, inside.length], name, inside, crc);
}

test("a PNG keeps texts and Exif, whose checksum is that of an upright picture", () => {
  const [head, data, end] = [chunk("IHDR", [1]), chunk("IDAT", [2]), chunk("IEND", "")];
  const mark = "\x89PNG\r\n\x1a\n";
  const source = bytes(mark, head, chunk("tEXt", "a\0b"), chunk("eXIf", exif(8)), chunk("caBX", [1]), chunk("IDAT", [9]), end);
  const found = withMetadata("png", bytes(mark, head, chunk("sRGB", [0]), data, end), source);
  const crc = [0x13, 0xc0, 0x75, 0xe7]; // as zlib computes it
  expect(found).toEqual(bytes(mark, head, chunk("tEXt", "a\0b"), chunk("eXIf", exif(1), crc), data, end));
});

function part(name: string, ...content: Parameters<typeof bytes>): Uint8Array {
  const inside = bytes(...content);
  return bytes(name, [inside.length, 0, 0, 0], inside, inside.length % 2 ? [0] : []);
}

test("a WebP says which metadata it has, and its size", () => {
  const lossless = part("VP8L", [0x2f, 0x2a, 0xc0, 0x04, 0x00]); // 43 x 20
  const head = (flags: number) => part("VP8X", [flags, 0, 0, 0, 42, 0, 0, 19, 0, 0]);
  const source = bytes("RIFF", [0, 0, 0, 0], "WEBP", head(12), part("VP8L", [1, 2]), part("EXIF", exif(3)), part("XMP ", "x"));
  const wanted = bytes(head(12), lossless, part("EXIF", exif(1)), part("XMP ", "x"));
  const found = withMetadata("webp", bytes("RIFF", [18, 0, 0, 0], "WEBP", lossless), source);
  expect(found.slice(12)).toEqual(wanted);
  expect([...found.slice(4, 8)]).toEqual([wanted.length + 4, 0, 0, 0]);
});

test.each(["jpeg", "png", "webp"] as const)("a %s with damaged metadata is written without it", (format) => {
  const encoded = bytes("a picture");
  expect(withMetadata(format, encoded, bytes("RIFFabcdWEBP", [0xff, 0xff, 0xff, 0xff]))).toEqual(encoded);
});
