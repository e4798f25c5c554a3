/**
 * Puts what a source file says of itself (Exif, XMP, IPTC, colour profile, texts) into a file of the
 * same format that a canvas wrote, which says nothing. The pixels are upright then, so Exif says so.
 */

/** A format that a canvas writes. */
export type Written = "jpeg" | "png" | "webp";

/** The encoded picture with the source's metadata; both of one format. Damaged metadata stays out. */
export function withMetadata(format: Written, encoded: Uint8Array, source: Uint8Array): Uint8Array {
  try {
    return { jpeg: jpegWith, png: pngWith, webp: webpWith }[format](encoded, source);
  } catch (error) {
    if (error instanceof RangeError) return encoded; // cut short
    throw error;
  }
}

interface Part {
  readonly name: string;
  /** With its head and end, as it lies in the file. */
  readonly whole: Uint8Array;
  readonly content: Uint8Array;
}

const PNG_KEPT = ["iCCP", "cICP", "gAMA", "cHRM", "sRGB", "pHYs", "eXIf", "tEXt", "zTXt", "iTXt", "tIME"];
const WEBP_KEPT = ["ICCP", "EXIF", "XMP "];
const [APP0, APP2, APP11, APP14, COMMENT, START_OF_SCAN] = [0xe0, 0xe2, 0xeb, 0xee, 0xfe, 0xda];

function jpegWith(encoded: Uint8Array, source: Uint8Array): Uint8Array {
  const isKept = ({ name, content }: Part) => {
    const marker = Number(name);
    if (marker === APP2) return startsWith(content, "ICC_PROFILE\0"); // others are pictures with their places
    if (marker === APP11 || marker === APP14) return false; // signatures of the source; how it was coded
    return marker === COMMENT || (marker > APP0 && marker < 0xf0);
  };
  const kept = jpegParts(source).filter(isKept);
  for (const { name, content } of kept) {
    if (Number(name) === 0xe1 && startsWith(content, "Exif\0\0")) setUpright(content.subarray(6));
  }
  const own = jpegParts(encoded);
  const head = own.filter(({ name }) => Number(name) === APP0);
  const rest = own.filter(({ name }) => Number(name) < APP0 || Number(name) >= 0xf0);
  const scan = encoded.subarray(2 + own.reduce((sum, part) => sum + part.whole.length, 0));
  return joined([encoded.subarray(0, 2), ...[...head, ...kept, ...rest].map(({ whole }) => whole), scan]);
}

/** The segments before the picture itself. */
function jpegParts(file: Uint8Array): Part[] {
  const view = viewOf(file);
  const parts: Part[] = [];
  for (let at = 2; ; ) {
    const marker = view.getUint16(at);
    if (marker === 0xffff) {
      at += 1; // fill bytes
      continue;
    }
    if (marker >> 8 !== 0xff || (marker & 0xff) === START_OF_SCAN) return parts;
    const end = at + 2 + view.getUint16(at + 2);
    if (end > file.length) throw new RangeError("cut short");
    const whole = file.slice(at, end);
    parts.push({ name: String(marker & 0xff), whole, content: whole.subarray(4) });
    at = end;
  }
}

function pngWith(encoded: Uint8Array, source: Uint8Array): Uint8Array {
  const kept = pngParts(source).filter(({ name }) => PNG_KEPT.includes(name));
  for (const { name, content, whole } of kept) {
    if (name !== "eXIf") continue;
    setUpright(content);
    viewOf(whole).setUint32(whole.length - 4, crc32(whole.subarray(4, whole.length - 4)));
  }
  const [head, ...rest] = pngParts(encoded).filter(({ name }) => !PNG_KEPT.includes(name));
  return joined([encoded.subarray(0, 8), ...[head!, ...kept, ...rest].map(({ whole }) => whole)]);
}

function pngParts(file: Uint8Array): Part[] {
  const view = viewOf(file);
  const parts: Part[] = [];
  for (let at = 8; at < file.length; ) {
    const end = at + 12 + view.getUint32(at);
    if (end > file.length) throw new RangeError("cut short");
    const whole = file.slice(at, end);
    parts.push({ name: text(whole, 4), whole, content: whole.subarray(8, -4) });
    at = end;
  }
  return parts;
}

function webpWith(encoded: Uint8Array, source: Uint8Array): Uint8Array {
  const kept = webpParts(source).filter(({ name }) => WEBP_KEPT.includes(name));
  if (kept.length === 0) return encoded;
  for (const { name, content } of kept) {
    if (name === "EXIF") setUpright(startsWith(content, "Exif\0\0") ? content.subarray(6) : content);
  }
  const own = webpParts(encoded).filter(({ name }) => name !== "VP8X" && !WEBP_KEPT.includes(name));
  const [profile, others] = [kept.filter(({ name }) => name === "ICCP"), kept.filter(({ name }) => name !== "ICCP")];
  const parts = [webpHead(own, kept), ...[...profile, ...own, ...others].map(({ whole }) => whole)];
  const file = joined([encoded.slice(0, 12), ...parts]);
  viewOf(file).setUint32(4, file.length - 8, true);
  return file;
}

/** The chunk that says which others there are, and the size of the picture. */
function webpHead(own: readonly Part[], kept: readonly Part[]): Uint8Array {
  const picture = own.find(({ name }) => name === "VP8 " || name === "VP8L")!;
  const view = viewOf(picture.content);
  const bits = picture.name === "VP8L" ? view.getUint32(1, true) : 0;
  const width = picture.name === "VP8L" ? (bits & 0x3fff) + 1 : view.getUint16(6, true) & 0x3fff;
  const height = picture.name === "VP8L" ? ((bits >> 14) & 0x3fff) + 1 : view.getUint16(8, true) & 0x3fff;
  const hasAlpha = own.some(({ name }) => name === "ALPH") || (picture.name === "VP8L" && (bits >>> 28) & 1);
  const has = (name: string) => kept.some((part) => part.name === name);
  const flags = (has("ICCP") ? 32 : 0) | (hasAlpha ? 16 : 0) | (has("EXIF") ? 8 : 0) | (has("XMP ") ? 4 : 0);
  const head = new Uint8Array(18);
  head.set([..."VP8X"].map((letter) => letter.charCodeAt(0)));
  const written = viewOf(head);
  written.setUint32(4, 10, true);
  written.setUint32(8, flags, true);
  written.setUint32(12, width - 1, true); // three bytes each: the second overwrites the first's fourth
  written.setUint16(15, (height - 1) & 0xffff, true);
  written.setUint8(17, (height - 1) >> 16);
  return head;
}

function webpParts(file: Uint8Array): Part[] {
  const view = viewOf(file);
  const parts: Part[] = [];
  for (let at = 12; at + 8 <= file.length; ) {
    const size = view.getUint32(at + 4, true);
    if (at + 8 + size > file.length) throw new RangeError("cut short");
    const whole = file.slice(at, at + 8 + size + (size & 1));
    parts.push({ name: text(whole, 0), whole, content: whole.subarray(8, 8 + size) });
    at += 8 + size + (size & 1);
  }
  return parts;
}

/** Say in a block of Exif that the picture is upright; how it lay is undone. */
function setUpright(exif: Uint8Array): void {
  const view = viewOf(exif);
  const little = startsWith(exif, "II");
  const start = view.getUint32(4, little);
  const count = view.getUint16(start, little);
  for (let i = 0; i < count; i++) {
    const at = start + 2 + 12 * i;
    if (view.getUint16(at, little) !== 0x0112) continue;
    view.setUint16(at + 2, 3, little); // one number of two bytes
    view.setUint32(at + 4, 1, little);
    view.setUint32(at + 8, 0, little);
    view.setUint16(at + 8, 1, little);
  }
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function text(bytes: Uint8Array, from: number): string {
  return String.fromCharCode(...bytes.subarray(from, from + 4));
}

function startsWith(bytes: Uint8Array, head: string): boolean {
  return [...head].every((letter, i) => bytes[i] === letter.charCodeAt(0));
}
