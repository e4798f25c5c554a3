/** The code that carries a payload in a message, from a contract: BCH with CRC behind a mask. */

import { fromHex, fromInteger, toInteger, xor, type Bits } from "../bits.ts";
import type { PayloadContract } from "../contract.ts";
import { EdgesealError } from "../errors.ts";
import { decode } from "./bch.ts";
import { log2PHard, log2PSoft } from "./evidence.ts";
import { fieldOf, type Field } from "./field.ts";
import { nearest } from "./nearest.ts";
import { fromWord, toWord, type Payload } from "./payload.ts";

/** Share of unmarked pictures that may be taken for marked ones. */
export const DEFAULT_FPR = 1e-6;

/** Share of unmarked pictures that may be called damaged or present. */
export const MAYBE_RATE = 1e-3;

const HARD_SHARE = 0.75; // of the rate, for the count of errors; the rest for their weight

/**
 * Whether a payload is there.
 *
 * Present: at most a share `fpr` of unmarked pictures gives that. Damaged: something near a valid
 * payload, but not near enough to believe it. Absent: no more than chance gives; no reader can tell
 * a picture without a mark from one whose mark is beyond reading.
 */
export type MarkStatus = "present" | "damaged" | "absent";

/** A payload, or the evidence that was too weak for one. */
export interface PayloadReading {
  readonly status: MarkStatus;
  readonly fpr: number;
  /** Of a bound on the chance that an unmarked picture comes as near to any valid payload. */
  readonly log10PValue: number;
  /** Null unless present. */
  readonly payload: Payload | null;
  /** Bits read wrong; null unless present. */
  readonly correctedErrors: number | null;
  /** Wrong bits that are corrected wherever they are. */
  readonly correctableErrors: number;
}

/** How messages of one length carry payloads. */
export class PayloadCode {
  readonly length: number;
  readonly payloadBits: number;
  readonly correctableErrors: number;
  readonly #hasParity: boolean;
  readonly #field: Field;
  readonly #mask: Bits;
  readonly #offset: Bits;
  readonly #rows: readonly Bits[];

  constructor(contract: PayloadContract, length: number) {
    this.length = length;
    this.payloadBits = contract.payload_bits;
    this.correctableErrors = contract.correctable_errors;
    this.#hasParity = contract.bch.has_parity_bit;
    this.#field = fieldOf(Number(contract.bch.field_polynomial));
    this.#mask = wordOf(contract.mask, length);
    this.#offset = wordOf(contract.offset, length);
    this.#rows = contract.rows.map((row) => wordOf(row, length));
  }

  /** The message that carries a payload. */
  encode(payload: Payload): Bits {
    return xor(this.#codeWord(fromInteger(toWord(payload, this.payloadBits), this.payloadBits)), this.#mask);
  }

  /**
   * Look for a payload in what a detector read.
   *
   * @param logits a bit is 1 where its logit is above 0, the surer the farther from 0.
   * @param fpr share of unmarked pictures that may be called present, above 0 and below 1.
   */
  read(logits: ArrayLike<number>, fpr = DEFAULT_FPR): PayloadReading {
    const values = Float64Array.from(logits);
    if (values.length !== this.length || !values.every(Number.isFinite)) {
      throw new EdgesealError("model", `logits: expected ${this.length} finite numbers.`);
    }
    if (!(fpr > 0 && fpr < 1)) {
      throw new EdgesealError("usage", `fpr: expected a rate above 0 and below 1, got ${fpr}.`);
    }
    const word = Uint8Array.from(values, (value, i) => Number(value > 0) ^ this.#mask[i]!);
    const { found, surprise } = this.#search(word, values.map(Math.abs), Math.log2(fpr));
    const isPresent = surprise <= Math.log2(fpr);
    const maybe = surprise <= Math.log2(Math.max(fpr, MAYBE_RATE));
    const payloadWord = toInteger(found.subarray(0, this.payloadBits));
    return {
      status: isPresent ? "present" : maybe ? "damaged" : "absent",
      fpr,
      log10PValue: surprise * Math.log10(2),
      payload: isPresent ? fromWord(payloadWord, this.payloadBits) : null,
      correctedErrors: isPresent ? wrongBits(found, word).filter(Boolean).length : null,
      correctableErrors: this.correctableErrors,
    };
  }

  /** The least likely of the valid words found, and how unlikely it is (log2). */
  #search(word: Bits, weights: Float64Array, enough: number): { found: Bits; surprise: number } {
    const decoded = decode(this.#field, this.correctableErrors, this.#hasParity, word);
    const isValid = decoded !== null && equal(this.#codeWord(decoded.subarray(0, this.payloadBits)), decoded);
    const surprise = isValid ? this.#log2PValue(decoded, word, weights) : 0;
    if (isValid && surprise <= enough) return { found: decoded, surprise };
    const other = xor(nearest(this.#rows, xor(word, this.#offset), weights), this.#offset);
    const otherSurprise = this.#log2PValue(other, word, weights);
    if (isValid && surprise < otherSurprise) return { found: decoded, surprise };
    return { found: other, surprise: otherSurprise };
  }

  #log2PValue(found: Bits, word: Bits, weights: Float64Array): number {
    const wrong = wrongBits(found, word);
    const hard = log2PHard(wrong.filter(Boolean).length, this.length, this.payloadBits);
    const soft = log2PSoft(weights, wrong, this.payloadBits);
    return Math.min(hard - Math.log2(HARD_SHARE), soft - Math.log2(1 - HARD_SHARE), 0);
  }

  #codeWord(payload: Bits): Bits {
    return payload.reduce((word, bit, i) => (bit ? xor(word, this.#rows[i]!) : word), this.#offset);
  }
}

/** A word as the contract writes it: whole bytes in hexadecimal digits. */
function wordOf(text: string, length: number): Bits {
  return fromHex(text, text.length * 4).slice(0, length);
}

function wrongBits(found: Bits, word: Bits): boolean[] {
  return Array.from(found, (bit, i) => bit !== word[i]);
}

function equal(one: Bits, other: Bits): boolean {
  return one.every((bit, i) => bit === other[i]);
}
