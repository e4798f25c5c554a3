/** What a file says of itself before it is decoded: its format, size, and what will go wrong. */

/** Facts from the head of a file; null where the format does not tell. */
export interface PictureFacts {
  readonly format: "png" | "jpeg" | "webp" | "gif" | "bmp" | "avif" | "heic" | "tiff" | "video" | "unknown";
  readonly width: number | null;
  readonly height: number | null;
  readonly isAnimated: boolean;
  /** Bits per channel. */
  readonly depth: 8 | 16;
  readonly isCmyk: boolean;
}

const NOTHING = { width: null, height: null, isAnimated: false, depth: 8, isCmyk: false } as const;

/** Read the head of a picture file; a damaged one gives what can be told of it. */
export function inspectPicture(file: Uint8Array): PictureFacts {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  try {
    if (startsWith(file, "\x89PNG\r\n\x1a\n")) return inspectPng(file, view);
    if (startsWith(file, "\xff\xd8\xff")) return inspectJpeg(view);
    if (startsWith(file, "GIF8")) return inspectGif(view);
    if (startsWith(file, "RIFF") && startsWith(file, "WEBP", 8)) return inspectWebp(file, view);
    if (startsWith(file, "BM")) {
      const [width, height] = [view.getInt32(18, true), Math.abs(view.getInt32(22, true))];
      return { ...NOTHING, format: "bmp", width, height };
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // cut short
  }
  if (startsWith(file, "ftyp", 4)) {
    const brand = text(file, 8, 4);
    const format = /^(hei|hev|mif1|msf1)/.test(brand) ? "heic" : /^avi[fs]/.test(brand) ? "avif" : "video";
    return { ...NOTHING, format, isAnimated: brand === "avis" };
  }
  if (startsWith(file, "\x1a\x45\xdf\xa3")) return { ...NOTHING, format: "video" }; // WebM and Matroska
  const isTiff = startsWith(file, "II*\0") || startsWith(file, "MM\0*");
  return { ...NOTHING, format: isTiff ? "tiff" : formatOf(file) };
}

/** The format of a file that is cut short. */
function formatOf(file: Uint8Array): PictureFacts["format"] {
  const heads = { png: "\x89PNG", jpeg: "\xff\xd8\xff", gif: "GIF8", bmp: "BM" } as const;
  const found = Object.entries(heads).find(([, head]) => startsWith(file, head));
  return (found?.[0] as keyof typeof heads | undefined) ?? "unknown";
}

function inspectPng(file: Uint8Array, view: DataView): PictureFacts {
  const facts = { ...NOTHING, format: "png" as const, width: view.getUint32(16), height: view.getUint32(20) };
  const depth = file[24] === 16 ? 16 : 8;
  for (let at = 8; at + 8 <= file.length; at += 12 + view.getUint32(at)) {
    const name = text(file, at + 4, 4);
    if (name === "IDAT") break;
    if (name === "acTL") return { ...facts, depth, isAnimated: view.getUint32(at + 8) > 1 };
  }
  return { ...facts, depth };
}

function inspectJpeg(view: DataView): PictureFacts {
  for (let at = 2; ; ) {
    const marker = view.getUint16(at);
    const isFrame = marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker);
    if (isFrame) {
      const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
      return { ...NOTHING, format: "jpeg", width, height, isCmyk: view.getUint8(at + 9) === 4 };
    }
    if (marker >> 8 !== 0xff) return { ...NOTHING, format: "jpeg" };
    at += marker === 0xffff ? 1 : 2 + view.getUint16(at + 2);
  }
}

function inspectGif(view: DataView): PictureFacts {
  const [width, height] = [view.getUint16(6, true), view.getUint16(8, true)];
  const table = (flags: number) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let at = 13 + table(view.getUint8(10));
  let frames = 0;
  while (at < view.byteLength && view.getUint8(at) !== 0x3b) {
    if (view.getUint8(at) === 0x2c) {
      frames += 1;
      at += 11 + table(view.getUint8(at + 9));
    } else {
      at += 2;
    }
    while (at < view.byteLength && view.getUint8(at) !== 0) at += 1 + view.getUint8(at);
    at += 1;
  }
  return { ...NOTHING, format: "gif", width, height, isAnimated: frames > 1 };
}

function inspectWebp(file: Uint8Array, view: DataView): PictureFacts {
  const kind = text(file, 12, 4);
  const facts = { ...NOTHING, format: "webp" as const };
  const three = (at: number) => view.getUint16(at, true) + (view.getUint8(at + 2) << 16);
  if (kind === "VP8X") {
    const isAnimated = (view.getUint8(20) & 2) !== 0;
    return { ...facts, isAnimated, width: three(24) + 1, height: three(27) + 1 };
  }
  if (kind === "VP8L") {
    const size = view.getUint32(21, true);
    return { ...facts, width: (size & 0x3fff) + 1, height: ((size >> 14) & 0x3fff) + 1 };
  }
  return { ...facts, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
}

function text(file: Uint8Array, from: number, length: number): string {
  return String.fromCharCode(...file.subarray(from, from + length));
}

function startsWith(file: Uint8Array, head: string, from = 0): boolean {
  return text(file, from, head.length) === head;
}
