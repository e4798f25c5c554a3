/** Messages: bits and their hexadecimal form, the first bit the most significant of the first digit. */

import { EdgesealError } from "./errors.ts";

/** Zeros and ones, one a byte. */
export type Bits = Uint8Array;

/** The hexadecimal form; filled up with zeros at the end. */
export function toHex(bits: Bits): string {
  let text = "";
  for (let i = 0; i < bits.length; i += 4) {
    let digit = 0;
    for (let j = 0; j < 4; j++) digit = (digit << 1) | (bits[i + j] ?? 0);
    text += digit.toString(16);
  }
  return text;
}

/** Parse the hexadecimal form of `count` bits; whole bytes or just the digits needed. */
export function fromHex(text: string, count: number): Bits {
  const digits = text.trim().toLowerCase().replace(/^0x/, "");
  const needed = Math.ceil(count / 4);
  if (!/^[0-9a-f]*$/.test(digits) || digits.length < needed || digits.length > needed + 1) {
    throw new EdgesealError(
      "usage",
      `message: expected ${needed} hexadecimal digits (${count} bits), got ${JSON.stringify(text)}`,
    );
  }
  const bits = new Uint8Array(4 * digits.length);
  for (let i = 0; i < bits.length; i++) {
    bits[i] = (parseInt(digits[i >> 2]!, 16) >> (3 - (i & 3))) & 1;
  }
  if (bits.subarray(count).some((bit) => bit)) {
    throw new EdgesealError(
      "usage",
      `message: the last digit carries more than ${count} bits; the bits beyond must be 0`,
    );
  }
  return bits.slice(0, count);
}

/** The bits of a non-negative integer, most significant first. */
export function fromInteger(value: bigint, count: number): Bits {
  return Uint8Array.from(value.toString(2).padStart(count, "0"), Number);
}

/** The integer whose bits these are, most significant first. */
export function toInteger(bits: Bits): bigint {
  return bits.length === 0 ? 0n : BigInt("0b" + bits.join(""));
}

/** Add modulo 2. */
export function xor(one: Bits, other: Bits): Bits {
  return one.map((bit, i) => bit ^ other[i]!);
}

/** How many bits are equal. */
export function matchingBits(one: Bits, other: Bits): number {
  return one.reduce((count, bit, i) => count + Number(bit === other[i]), 0);
}
