import { expect, test } from "vitest";

import type { Backend, OpenSession } from "../src/backends.ts";
import type { ModelContract } from "../src/contract.ts";
import { EdgesealError } from "../src/errors.ts";
import { firstRight } from "../src/self-test.ts";

const EXPECTED = Float32Array.of(2, -1, 0.01, 3);
const model = {
  file: "models/detector.tflite",
  part: "detector",
  bits: 4,
  read: { first_bit: 1, payload: null },
  vectors: [{ folder: "vectors", message: "a", input: { f32: "i" }, bit_logits: { f32: "l" } }],
} as unknown as ModelContract;
const tolerances = { input: 1e-5, relative_squared_error: 1e-3, sure_logit: 0.1 };

async function readFile(name: string): Promise<Uint8Array> {
  return new Uint8Array((name.endsWith("i") ? Float32Array.of(1) : EXPECTED).buffer);
}

/** Backends that answer as given; a text is thrown. */
function backends(answers: Partial<Record<Backend, readonly number[] | string>>): OpenSession {
  return async (_model, _file, backend) => {
    const answer = answers[backend];
    if (typeof answer === "string") throw new Error(answer);
    return {
      backend,
      run: async () => ({ logits: Float32Array.of(9, ...answer!) }),
      close: () => closed.push(backend),
    };
  };
}

let closed: Backend[] = [];

async function choose(answers: Parameters<typeof backends>[0]) {
  closed = [];
  return firstRight(model, new Uint8Array(), tolerances, readFile, backends(answers), ["webgpu", "wasm"]);
}

test("the first backend is used when its answers are known to be right", async () => {
  const { session, trials } = await choose({ webgpu: [2, -1, -0.01, 3], wasm: [0, 0, 0, 0] });
  expect(session.backend).toBe("webgpu"); // the unsure bit may differ
  expect(trials.map((trial) => trial.isRight)).toEqual([true]);
  expect(closed).toEqual([]);
});

test.each([
  ["computes other values", [-2, 1, 0, -3], /other values/],
  ["gives no numbers", [NaN, -1, 0, 3], /other values/],
  ["gives too few", [2, -1], /other values/],
  ["cannot be opened", "this browser has no WebGPU", /not used: this browser has no WebGPU\./],
] as const)("the next one is used when the first %s", async (_what, answer, reason) => {
  const { session, trials } = await choose({ webgpu: answer, wasm: [...EXPECTED] });
  expect(session.backend).toBe("wasm");
  expect(trials.map((trial) => [trial.backend, trial.isRight])).toEqual([
    ["webgpu", false],
    ["wasm", true],
  ]);
  expect(trials[0]!.reason).toMatch(reason);
  expect(closed).toEqual(typeof answer === "string" ? [] : ["webgpu"]);
});

test("a sure bit that flips is refused when the error is small", async () => {
  const wide = Float32Array.of(100, -100, 100, 11);
  const read = async (name: string) => new Uint8Array((name.endsWith("i") ? Float32Array.of(1) : wide).buffer);
  const open = backends({ webgpu: [100, -100, 100, -0.01], wasm: [...wide] });
  const loose = { ...tolerances, relative_squared_error: 0.1 };
  const { trials } = await firstRight(model, new Uint8Array(), loose, read, open, ["webgpu", "wasm"]);
  expect(trials[0]!.reason).toMatch(/other bits/);
});

test("no other backend is tried when the file itself is broken", async () => {
  const open: OpenSession = async () => {
    throw new EdgesealError("model", "detector.tflite is broken.");
  };
  const found = firstRight(model, new Uint8Array(), tolerances, readFile, open, ["webgpu", "wasm"]);
  await expect(found).rejects.toThrow(/^detector.tflite is broken\.$/);
});

test("all reasons are said when none is right", async () => {
  await expect(choose({ webgpu: "no WebGPU", wasm: [0, 0, 0, 0] })).rejects.toThrow(
    /cannot be used in this browser\. WebGPU is not used: no WebGPU\. WebAssembly is not used: .*other values/,
  );
});
