import { describe, expect, test } from "vitest";

import { fromHex, toHex } from "../src/bits.ts";
import { PayloadCode } from "../src/payload/code.ts";
import { payloadOf, payloadToJson } from "../src/payload/payload.ts";
import { log10PValue } from "../src/pvalue.ts";
import { floats, vectors } from "./vectors.ts";

describe.each(vectors.payload)("messages of $bits bits", ({ bits, contract, encoded, readings }) => {
  const code = new PayloadCode(contract, bits);

  test.each(encoded)("are those of Python when the payload is $payload", ({ payload, message }) => {
    expect(toHex(code.encode(payloadOf(payload.kind, payload.value)))).toBe(message);
  });

  test.each(encoded)("give the payload back when it is $payload", ({ payload, message }) => {
    const logits = Array.from(fromHex(message, bits), (bit) => 2 * bit - 1);
    const found = code.read(logits);
    expect(found.status).toBe("present");
    expect({ kind: found.payload!.kind, value: String(found.payload!.value) }).toEqual(payload);
    expect(found.correctedErrors).toBe(0);
  });

  test.each(readings)("are read as in Python when the reading is $status", (reading) => {
    const found = code.read(floats(reading.logits));
    expect(found.status).toBe(reading.status);
    expect(found.correctedErrors).toBe(reading.corrected_errors);
    expect(found.correctableErrors).toBe(reading.correctable_errors);
    expect(found.log10PValue).toBeCloseTo(reading.log10_p_value, 9);
    const payload = found.payload && { kind: found.payload.kind, value: String(found.payload.value) };
    expect(payload).toEqual(reading.payload);
  });

  test("are refused with what would fit when a payload is too long", () => {
    const long = payloadOf("text", "x".repeat(200));
    expect(() => code.encode(long)).toThrow(/does not fit into \d+ bits; there is room for \d+ characters/);
  });
});

test.each(vectors.p_values)("$matching of $bits bits are as unlikely as in Python", (one) => {
  expect(log10PValue(one.matching, one.bits)).toBeCloseTo(one.log10, 9);
});

test.each([
  ["id", "-1", /whole number/],
  ["id", "1e3", /whole number/],
  ["hex", "0xg1", /got "g"/],
  ["bits", "012", /got "2"/],
  ["text", "", /at least one character/],
  ["text", "\ud800", /half a character/],
] as const)("%s %j is refused with a sentence", (kind, typed, message) => {
  expect(() => payloadOf(kind, typed)).toThrow(message);
});

test("a number beyond JavaScript's becomes its digits when it is written as JSON", () => {
  expect(payloadToJson(payloadOf("id", "9007199254740993"))).toEqual({ kind: "id", value: "9007199254740993" });
  expect(payloadToJson(payloadOf("id", "7"))).toEqual({ kind: "id", value: 7 });
});

test.each(["012", "0123x", "01234"])("the message %j is refused when it should have 13 bits", (text) => {
  expect(() => fromHex(text, 13)).toThrow(/message/);
});

test("the vectors have readings of every kind", () => {
  const seen = new Set(vectors.payload.flatMap((one) => one.readings.map((reading) => reading.status)));
  expect(seen).toEqual(new Set(["present", "damaged", "absent"]));
});
