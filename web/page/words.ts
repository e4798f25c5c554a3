/** Results in words. */

import type { Detection } from "../src/models.ts";
import { payloadToJson } from "../src/payload/payload.ts";

export interface Verdict {
  readonly status: "present" | "damaged" | "absent" | "raw";
  readonly title: string;
  /** What the mark says, or null. */
  readonly content: string | null;
  readonly sentences: readonly string[];
}

const KINDS = { text: "Text", id: "Number", hex: "Hexadecimal digits", bits: "Bits", unknown: "Of a kind that this version does not know" } as const;

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/**
 * Say what was found; never more than was.
 *
 * @param card whose detector read it, of so many on the page.
 */
export function verdictOf(detection: Detection, card: string, detectors = 1): Verdict {
  const { reading, match } = detection;
  const sentences = match ? [matchOf(match.matchingBits, detection.bits.length, match.log10PValue)] : [];
  if (reading === null) {
    const note = `The messages of this model are too short for contents that can be told from chance; all ${detection.bits.length} bits were read.`;
    return { status: "raw", title: "Bits were read", content: null, sentences: [note, ...sentences] };
  }
  const chance = `An unmarked picture reads like this ${chanceOf(reading.log10PValue)}.`;
  if (reading.status === "present") {
    const { correctedErrors, correctableErrors, payload } = reading;
    const errors =
      correctedErrors === 0
        ? `All ${detection.bits.length} bits were read right.`
        : `${correctedErrors} of ${detection.bits.length} bits were read wrong and corrected (up to ${correctableErrors} always can be).`;
    const kind = `${KINDS[payload!.kind]}.`;
    return { status: "present", title: "Marked", content: String(payload!.value), sentences: [kind, errors, chance, ...sentences] };
  }
  if (reading.status === "damaged") {
    const note = "Something is near a valid mark, but too damaged to be sure of it or to say what it says.";
    return { status: "damaged", title: "Perhaps marked, not readable", content: null, sentences: [note, chance, ...sentences] };
  }
  const note =
    `No more than chance gives. It has no mark of ${card}, or one that is beyond reading, or one of bits without correction.`;
  const others = detectors > 1 ? ["Marks of other models are read by those; choose one under Options."] : [];
  return { status: "absent", title: "No mark found", content: null, sentences: [note, ...others, ...sentences] };
}

/** A probability in words. */
export function chanceOf(log10: number): string {
  if (log10 > -0.31) return "more often than one time in two";
  if (log10 > -6) return `one time in ${Math.floor(10 ** -log10).toLocaleString("en")}`;
  return `less than one time in 10${[...String(Math.floor(-log10))].map((digit) => RAISED[Number(digit)]).join("")}`;
}

/** A detection for a file, in the names that `edgeseal detect --json` uses. */
export function detectionToJson(detection: Detection): object {
  const { reading, match } = detection;
  return {
    message: detection.hex,
    bits: detection.bits.length,
    logits: [...detection.logits],
    matching_bits: match && match.matchingBits,
    log10_p_value: match && match.log10PValue,
    reading: reading && {
      status: reading.status,
      payload: reading.payload && payloadToJson(reading.payload),
      corrected_errors: reading.correctedErrors,
      correctable_errors: reading.correctableErrors,
      log10_p_value: reading.log10PValue,
      false_positive_rate: reading.fpr,
    },
  };
}

function matchOf(matching: number, bits: number, log10: number): string {
  return `${matching} of ${bits} bits are those of the expected message; by chance as many are ${chanceOf(log10)}.`;
}
