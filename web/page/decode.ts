/** From a file to pixels and back, by the browser's own decoders, with sentences for what fails. */

import { EdgesealError } from "../src/errors.ts";
import { withMetadata } from "../src/metadata.ts";
import { inspectPicture, type PictureFacts } from "../src/picture-file.ts";
import type { Pixels } from "../src/pixels.ts";

const MAX_PIXELS = 100e6;
const QUALITY = 1; // in Chromium JPEG with all colours, and WebP without loss

/**
 * Decode a picture upright, its colours as they are stored; of an animation the first frame.
 *
 * @param oneFrame whether to refuse animations, and what would lose by 8 bits a channel.
 */
export async function decodePicture(file: Blob, oneFrame: boolean): Promise<Pixels> {
  const facts = inspectPicture(new Uint8Array(await readBytes(file)));
  refuse(facts, file.size, oneFrame);
  const bitmap = await decode(file, facts);
  try {
    refuseSize(bitmap.width, bitmap.height);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new RangeError("no canvas of that size");
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
  } catch (error) {
    if (error instanceof EdgesealError) throw error;
    throw outOfMemory(bitmap.width, bitmap.height, error);
  } finally {
    bitmap.close();
  }
}

/** Write pixels in the source's format with its metadata; as PNG where a canvas does not write that. */
export async function encodeAs(source: Blob, pixels: Pixels): Promise<Blob> {
  const bytes = new Uint8Array(await readBytes(source));
  const { format } = inspectPicture(bytes);
  try {
    const canvas = new OffscreenCanvas(pixels.width, pixels.height);
    const data = new Uint8ClampedArray(pixels.data);
    canvas.getContext("2d")!.putImageData(new ImageData(data, pixels.width, pixels.height), 0, 0);
    const wanted = format === "jpeg" || format === "webp" ? format : "png";
    const encoded = await canvas.convertToBlob({ type: `image/${wanted}`, quality: QUALITY });
    if (encoded.type !== `image/${format}`) return encoded; // another format, which has other metadata
    const whole = withMetadata(wanted, new Uint8Array(await encoded.arrayBuffer()), bytes);
    return new Blob([whole as BlobPart], { type: encoded.type });
  } catch (error) {
    throw outOfMemory(pixels.width, pixels.height, error);
  }
}

async function readBytes(file: Blob): Promise<ArrayBuffer> {
  try {
    return await file.arrayBuffer();
  } catch (error) {
    throw new EdgesealError("picture", "The file cannot be read; it may have been moved or changed. Choose it again.", { cause: error });
  }
}

function refuse(facts: PictureFacts, size: number, oneFrame: boolean): void {
  if (size === 0) throw new EdgesealError("picture", "The file is empty; fetch it again.");
  if (facts.width !== null && facts.height !== null) refuseSize(facts.width, facts.height);
  if (!oneFrame) return;
  if (facts.isAnimated) {
    throw new EdgesealError("picture", "The picture is animated; save the one frame to mark by itself first.");
  }
  if (facts.depth === 16) {
    throw new EdgesealError("picture", "The picture has 16 bits per channel, of which this page would keep 8; save it with 8 bits, or mark it with the command line.");
  }
  if (facts.isCmyk) {
    throw new EdgesealError("picture", "The picture is meant for print (CMYK); save it as RGB first.");
  }
}

/** Refuse what would need too much memory. */
export function refuseSize(width: number, height: number): void {
  if (width * height <= MAX_PIXELS) return;
  throw new EdgesealError(
    "picture",
    `The picture has ${Math.ceil((width * height) / 1e6)} megapixels; this page takes up to ${MAX_PIXELS / 1e6}. Make it smaller, or use the command line.`,
  );
}

async function decode(file: Blob, facts: PictureFacts): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, {
      colorSpaceConversion: "none",
      imageOrientation: "from-image",
      premultiplyAlpha: "none",
    });
  } catch (error) {
    throw new EdgesealError("picture", undecodable(facts.format), { cause: error });
  }
}

function undecodable(format: PictureFacts["format"]): string {
  if (format === "unknown") {
    return "This is not a picture that the browser knows; choose a JPEG, PNG, WebP, GIF or AVIF file.";
  }
  if (format === "video") {
    return "This is a video; only the command line marks videos. Choose a picture, or use that.";
  }
  if (format === "heic" || format === "tiff") {
    return `This browser cannot read ${format.toUpperCase()} files; save the picture as JPEG or PNG first.`;
  }
  return `This ${format.toUpperCase()} file cannot be read; it may be damaged or cut short. Fetch it again.`;
}

function outOfMemory(width: number, height: number, cause: unknown): EdgesealError {
  return new EdgesealError(
    "picture",
    `The browser has too little memory for ${width} x ${height} pixels; close other tabs, or make the picture smaller.`,
    { cause },
  );
}
