/**
 * What a watermark can say (text, a number, digits, bits), and how it becomes one number.
 *
 * A payload word has a fixed number of bits, first bit first:
 *
 *     0 number                an id, all remaining bits
 *     1 kind(3 bits) number   a string over the alphabet of that kind
 *
 * Strings are numbered by length and then in the order of the alphabet (bijective numeration).
 */

import { EdgesealError } from "../errors.ts";

/** What is embedded, or was read; an unknown kind, of a later version, is its word in hex. */
export type Payload =
  | { readonly kind: "text" | "hex" | "bits" | "unknown"; readonly value: string }
  | { readonly kind: "id"; readonly value: bigint };

const LOWER_LETTERS = "abcdefghijklmnopqrstuvwxyz";
const UPPER_LETTERS = LOWER_LETTERS.toUpperCase();
const REST = "0123456789 -._";
const LOWER = LOWER_LETTERS + REST;
const UPPER = UPPER_LETTERS + REST;
const MIXED = LOWER_LETTERS + UPPER_LETTERS + REST;
const HEX = "0123456789abcdef";
const BITS = "01";
const LETTERS = [LOWER, UPPER, MIXED]; // by the three bits of the kind
const [UTF8_KIND, HEX_KIND, BITS_KIND, HEADER, BYTES] = [3n, 4n, 5n, 4, 256];

/** Return a payload from what a person typed, or say what is wrong with it. */
export function payloadOf(kind: "text" | "id" | "hex" | "bits", typed: string): Payload {
  if (typed === "") throw new EdgesealError("usage", `${kind}: expected at least one character.`);
  if (kind === "text") {
    if (/\p{Surrogate}/u.test(typed)) {
      throw new EdgesealError("usage", "text: holds half a character; type it again.");
    }
    return { kind, value: typed };
  }
  const value = typed.trim().toLowerCase();
  if (kind === "id") {
    if (!/^[0-9]+$/.test(value)) {
      throw new EdgesealError("usage", "id: expected a whole number of 0 or more.");
    }
    return { kind, value: BigInt(value) };
  }
  const digits = kind === "hex" ? value.replace(/^0x/, "") : value;
  const allowed = kind === "hex" ? HEX : BITS;
  const strange = [...digits].find((one) => !allowed.includes(one));
  if (strange !== undefined || digits === "") {
    const found = strange === undefined ? "nothing" : JSON.stringify(strange);
    throw new EdgesealError("usage", `${kind}: expected ${kind === "hex" ? "0-9 and a-f" : "0 and 1"}, got ${found}.`);
  }
  return { kind, value: digits };
}

/** Return the payload word of a number of bits, or say what would fit. */
export function toWord(payload: Payload, bits: number): bigint {
  if (payload.kind === "id") {
    if (payload.value < 1n << BigInt(bits - 1)) return payload.value;
  } else if (payload.kind === "unknown") {
    const word = BigInt(`0x${payload.value}`);
    if (word < 1n << BigInt(bits)) return word;
  } else {
    const room = 1n << BigInt(bits - HEADER);
    const words = numbersOf(payload.kind, payload.value)
      .filter(([, number]) => number < room)
      .map(([kind, number]) => (kind << BigInt(bits - HEADER)) | number);
    if (words.length > 0) {
      return (1n << BigInt(bits - 1)) | words.reduce((least, one) => (one < least ? one : least));
    }
  }
  throw new EdgesealError(
    "usage",
    `${payload.kind}: ${JSON.stringify(String(payload.value))} does not fit into ${bits} bits; ` +
      `there is room for ${capacity(payload.kind, bits)}.`,
  );
}

/** Return the payload of a payload word. */
export function fromWord(word: bigint, bits: number): Payload {
  if (word >> BigInt(bits - 1) === 0n) return { kind: "id", value: word };
  const kind = (word >> BigInt(bits - HEADER)) & 7n;
  const number = word & ((1n << BigInt(bits - HEADER)) - 1n);
  const whole = word.toString(16).padStart(Math.ceil(bits / 4), "0");
  const unknown: Payload = { kind: "unknown", value: whole };
  if (number === 0n) return unknown; // an empty string
  if (kind < LETTERS.length) return { kind: "text", value: stringOf(number, LETTERS[Number(kind)]!) };
  if (kind === HEX_KIND) return { kind: "hex", value: stringOf(number, HEX) };
  if (kind === BITS_KIND) return { kind: "bits", value: stringOf(number, BITS) };
  if (kind !== UTF8_KIND) return unknown;
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return { kind: "text", value: decoder.decode(Uint8Array.from(digitsOf(number, BYTES))) };
  } catch {
    return unknown;
  }
}

/** Say how long a payload of a kind may be in a payload word. */
export function capacity(kind: Payload["kind"], bits: number): string {
  if (kind === "id") return `numbers up to ${(1n << BigInt(bits - 1)) - 1n}`;
  const room = 1n << BigInt(bits - HEADER);
  if (kind === "hex") return `${longest(HEX.length, room)} hexadecimal digits`;
  if (kind === "bits") return `${longest(BITS.length, room)} bits`;
  if (kind === "unknown") return `${bits} bits`;
  const [oneCase, mixed, utf8] = [LOWER.length, MIXED.length, BYTES].map((base) => longest(base, room));
  return (
    `${oneCase} characters of a-z 0-9 space - . _ (or of A-Z with these), ${mixed} where ` +
    `letters are mixed, ${utf8} bytes of UTF-8 for any others`
  );
}

/** A payload for `JSON.stringify`; a number too large for JavaScript's becomes its digits. */
export function payloadToJson(payload: Payload): { kind: string; value: string | number } {
  if (payload.kind !== "id") return { kind: payload.kind, value: payload.value };
  const small = payload.value <= BigInt(Number.MAX_SAFE_INTEGER);
  return { kind: "id", value: small ? Number(payload.value) : String(payload.value) };
}

/** Every kind of string that a text can be, with its number. */
function numbersOf(kind: "text" | "hex" | "bits", value: string): [bigint, bigint][] {
  if (kind === "hex") return [[HEX_KIND, numberOf(indices(value, HEX), HEX.length)]];
  if (kind === "bits") return [[BITS_KIND, numberOf(indices(value, BITS), BITS.length)]];
  const forms = LETTERS.map((letters, i): [bigint, bigint] | null =>
    [...value].every((one) => letters.includes(one))
      ? [BigInt(i), numberOf(indices(value, letters), letters.length)]
      : null,
  ).filter((form) => form !== null);
  return [...forms, [UTF8_KIND, numberOf([...new TextEncoder().encode(value)], BYTES)]];
}

/** The length up to which every string has a number below `room`. */
function longest(base: number, room: bigint): number {
  let length = 0;
  while (numberOf(Array<number>(length + 1).fill(base - 1), base) < room) length += 1;
  return length;
}

function indices(text: string, alphabet: string): number[] {
  return [...text].map((one) => alphabet.indexOf(one));
}

function numberOf(digits: readonly number[], base: number): bigint {
  return digits.reduce((number, digit) => number * BigInt(base) + BigInt(digit) + 1n, 0n);
}

function digitsOf(number: bigint, base: number): number[] {
  const digits: number[] = [];
  for (let left = number; left > 0n; left = (left - 1n) / BigInt(base)) {
    digits.push(Number((left - 1n) % BigInt(base)));
  }
  return digits.reverse();
}

function stringOf(number: bigint, alphabet: string): string {
  return digitsOf(number, alphabet.length)
    .map((digit) => alphabet[digit])
    .join("");
}
