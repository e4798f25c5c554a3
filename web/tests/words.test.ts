import { expect, test } from "vitest";

import { chanceOf, verdictOf } from "../page/words.ts";
import type { Detection } from "../src/models.ts";

function detection(changes: Partial<NonNullable<Detection["reading"]>> | null): Detection {
  const reading = changes && {
    status: "absent" as const,
    fpr: 1e-6,
    log10PValue: -12.3,
    payload: null,
    correctedErrors: null,
    correctableErrors: 11,
    ...changes,
  };
  return { bits: new Uint8Array(96), hex: "0".repeat(24), logits: new Float32Array(96), reading, match: null };
}

test.each([
  [0, "more often than one time in two"],
  [-3, "one time in 1,000"],
  [-12.3, "less than one time in 10¹²"],
])("a probability of 10^%d is said in words", (log10, words) => {
  expect(chanceOf(log10)).toBe(words);
});

test("a mark is said with its content and its errors when it is present", () => {
  const found = verdictOf(detection({ status: "present", payload: { kind: "id", value: 7n }, correctedErrors: 3 }), "reference");
  expect(found.title).toBe("Marked");
  expect(found.content).toBe("7");
  expect(found.sentences.join(" ")).toMatch(/3 of 96 bits were read wrong and corrected \(up to 11 .*less than one time in 10¹²/);
});

test("models are named when a mark may be another's", () => {
  const [note, others] = verdictOf(detection({}), "pixelseal", 2).sentences;
  expect(note).toMatch(/no mark of pixelseal/);
  expect(others).toMatch(/choose one under Options/);
});

test.each([
  ["damaged", detection({ status: "damaged" }), /Perhaps marked/],
  ["absent", detection({}), /No mark found/],
  ["without contents", detection(null), /Bits were read/],
] as const)("no content is claimed when a mark is %s", (_what, given, title) => {
  const found = verdictOf(given, "reference");
  expect(found.title).toMatch(title);
  expect(found.content).toBeNull();
});
