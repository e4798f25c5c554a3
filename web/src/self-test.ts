/**
 * A known-answer test before any verdict: a backend is used only if it answers the pack's golden
 * vectors as it must. A graphics processor that takes a model whole may still compute it wrongly.
 */

import { fromHex } from "./bits.ts";
import { BACKEND_NAMES, type Backend, type OpenSession, type Session } from "./backends.ts";
import type { ModelContract, Tolerances, VectorContract } from "./contract.ts";
import { EdgesealError } from "./errors.ts";

/** Reads a file of the pack by its name there. */
export type ReadFile = (name: string) => Promise<Uint8Array>;

/** What came of trying one backend. */
export interface Trial {
  readonly backend: Backend;
  readonly isRight: boolean;
  /** A sentence: that its answers agree, or why it is not used. */
  readonly reason: string;
  /** Largest squared error of an answer as a share of its size; null if it gave none. */
  readonly relativeSquaredError: number | null;
  /** Of the last vector's run; null if there was none. */
  readonly milliseconds: number | null;
}

const VECTORS = 2;

/**
 * Try backends in their order; return the first that is right, open, and what came of each.
 *
 * @throws EdgesealError if none is right, saying why of each, or as soon as the file itself is found broken.
 */
export async function firstRight(
  model: ModelContract,
  file: Uint8Array,
  tolerances: Tolerances,
  readFile: ReadFile,
  open: OpenSession,
  backends: readonly Backend[],
): Promise<{ session: Session; trials: readonly Trial[] }> {
  const vectors = await loadVectors(model, readFile);
  const trials: Trial[] = [];
  for (const backend of backends) {
    const { session, trial } = await attempt(model, file, tolerances, vectors, open, backend);
    trials.push(trial);
    if (session) return { session, trials };
  }
  const reasons = trials.map((trial) => trial.reason).join(" ");
  throw new EdgesealError("runtime", `${model.file} cannot be used in this browser. ${reasons} Try another browser, or use the command line.`);
}

interface Vector {
  readonly inputs: Record<string, Float32Array>;
  readonly expected: Float32Array;
}

async function attempt(
  model: ModelContract,
  file: Uint8Array,
  tolerances: Tolerances,
  vectors: readonly Vector[],
  open: OpenSession,
  backend: Backend,
): Promise<{ session: Session | null; trial: Trial }> {
  let session: Session | null = null;
  const failed = (reason: string, error: number | null = null) => {
    session?.close();
    const trial = { backend, isRight: false, reason, relativeSquaredError: error, milliseconds: null };
    return { session: null, trial };
  };
  try {
    session = await open(model, file, backend);
    let worst = 0;
    let milliseconds = 0;
    for (const vector of vectors) {
      const start = performance.now();
      const answer = answerOf(model, await session.run(vector.inputs));
      milliseconds = performance.now() - start;
      const error = relativeSquaredError(answer, vector.expected);
      worst = Math.max(worst, error);
      if (!(error <= tolerances.relative_squared_error)) {
        return failed(`${BACKEND_NAMES[backend]} is not used: it runs this model, but computes other values than it must.`, error);
      }
      if (model.part === "detector" && !signsAgree(answer, vector.expected, tolerances.sure_logit)) {
        return failed(`${BACKEND_NAMES[backend]} is not used: it runs this model, but reads other bits than it must.`, error);
      }
    }
    const reason = `${BACKEND_NAMES[backend]} gave the known answers to ${vectors.length} test pictures.`;
    return { session, trial: { backend, isRight: true, reason, relativeSquaredError: worst, milliseconds } };
  } catch (error) {
    if (error instanceof EdgesealError && error.fault === "model") {
      session?.close();
      throw error;
    }
    const why = error instanceof Error ? error.message : String(error);
    return failed(`${BACKEND_NAMES[backend]} is not used: ${why.replace(/\.$/, "")}.`);
  }
}

async function loadVectors(model: ModelContract, readFile: ReadFile): Promise<Vector[]> {
  if (model.vectors.length === 0) {
    throw new EdgesealError("model", `${model.file} has no test pictures in its pack; pack it again.`);
  }
  return Promise.all(model.vectors.slice(0, VECTORS).map((vector) => loadVector(model, vector, readFile)));
}

async function loadVector(model: ModelContract, vector: VectorContract, readFile: ReadFile): Promise<Vector> {
  const load = async (name: string) => toFloats(await readFile(`${vector.folder}/${name}`));
  const inputs: Record<string, Float32Array> = { image: await load(vector.input.f32) };
  if (model.part === "detector") return { inputs, expected: await load(vector.bit_logits!.f32) };
  inputs["message"] = Float32Array.from(fromHex(vector.message, model.bits));
  return { inputs, expected: await load(vector.delta!.f32) };
}

function toFloats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer); // every browser's processor is little-endian
}

function answerOf(model: ModelContract, outputs: Record<string, Float32Array>): Float32Array {
  return model.part === "detector" ? outputs["logits"]!.subarray(model.read!.first_bit) : outputs["delta"]!;
}

/** The squared error as a share of what was expected; not a number if values are not finite. */
function relativeSquaredError(found: Float32Array, expected: Float32Array): number {
  if (found.length !== expected.length) return Number.NaN;
  let [error, size] = [0, 0];
  expected.forEach((value, i) => {
    error += (found[i]! - value) ** 2;
    size += value ** 2;
  });
  return error / size;
}

/** Whether bits are equal where the right answer is far from the edge. */
function signsAgree(found: Float32Array, expected: Float32Array, sure: number): boolean {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return expected.every((value, i) => Math.abs(value) <= sure * largest || found[i]! > 0 === value > 0);
}
