/** Loading models of a pack, reading messages out of pictures and writing them into pictures. */

import { fromHex, matchingBits, toHex, type Bits } from "./bits.ts";
import { liteRtSessions, type Backend, type OpenSession, type Session } from "./backends.ts";
import { blend, type Marked } from "./blend.ts";
import { parseContract, sideOf, type ModelContract, type PackContract } from "./contract.ts";
import { EdgesealError } from "./errors.ts";
import { DEFAULT_FPR, PayloadCode, type PayloadReading } from "./payload/code.ts";
import type { Payload } from "./payload/payload.ts";
import type { Pixels, Plane } from "./pixels.ts";
import { log10PValue } from "./pvalue.ts";
import { resizePixels } from "./resize.ts";
import { firstRight, type ReadFile, type Trial } from "./self-test.ts";

/** How models are found and opened. */
export interface LoadOptions {
  /** Which file of the pack; the first of its part if it is not said. */
  readonly file?: string;
  /** What to try, in this order; WebGPU, WebNN, then WebAssembly with threads and without if it is not said. */
  readonly backends?: readonly Backend[];
  /** The folder of LiteRT.js' `wasm/` files; `litert/` beside the page if it is not said. */
  readonly wasmUrl?: string;
  /** What opens a model; LiteRT.js if it is not said. */
  readonly openSession?: OpenSession;
}

/** A model ready to run, and how it came to be trusted. */
export interface Loaded {
  readonly contract: ModelContract;
  /** What it runs on. */
  readonly backend: Backend;
  /** Every backend that was tried, in order; the last one is used. */
  readonly trials: readonly Trial[];
  readonly session: Session;
}

export interface Detector extends Loaded {
  readonly contract: ModelContract & { readonly part: "detector" };
  readonly code: PayloadCode | null;
}

export interface Embedder extends Loaded {
  readonly contract: ModelContract & { readonly part: "embedder" };
  readonly code: PayloadCode | null;
}

/** What a detector read in a picture; every picture gives bits, marked or not. */
export interface Detection {
  readonly bits: Bits;
  readonly hex: string;
  readonly logits: Float32Array;
  /** Whether a payload is there; null if the messages are too short to carry one. */
  readonly reading: PayloadReading | null;
  /** Against the message that was expected; null if none was. */
  readonly match: { readonly matchingBits: number; readonly log10PValue: number } | null;
}

/** What to embed: a payload, or all bits of the message in hexadecimal digits or one by one. */
export type MessageInput = Payload | string | Bits;

/**
 * Load the contract of a pack.
 *
 * @param packUrl address of the folder that `edgeseal pack` wrote.
 */
export async function loadContract(packUrl: string): Promise<PackContract> {
  const bytes = await fetchBytes(packUrl, "contract.json");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new EdgesealError("model", "contract.json: is no JSON; export the models again.", { cause: error });
  }
  return parseContract(value, "contract.json");
}

/** Load a detector of a pack, tested with known answers on this device. */
export async function loadDetector(packUrl: string, options: LoadOptions = {}): Promise<Detector> {
  const loaded = await load(packUrl, "detector", options);
  const payload = loaded.contract.read!.payload;
  return { ...loaded, code: payload && new PayloadCode(payload, loaded.contract.bits) } as Detector;
}

/** Load an embedder of a pack, tested with known answers on this device. */
export async function loadEmbedder(packUrl: string, options: LoadOptions = {}): Promise<Embedder> {
  const loaded = await load(packUrl, "embedder", options);
  const payload = loaded.contract.mark!.payload;
  return { ...loaded, code: payload && new PayloadCode(payload, loaded.contract.bits) } as Embedder;
}

/**
 * Read the message of a picture of any size.
 *
 * @param expect the message that should be there, in hexadecimal digits or bits.
 * @param fpr share of unmarked pictures that may be called present.
 */
export async function detect(
  detector: Detector,
  picture: Pixels,
  { expect, fpr = DEFAULT_FPR }: { expect?: string | Bits; fpr?: number } = {},
): Promise<Detection> {
  const expected = expect === undefined ? null : toBits(expect, detector.contract.bits, detector.code);
  return detectionOf(detector, await logitsOf(detector, picture), expected, fpr);
}

/** Run the model on a picture; return one logit for each bit of the message. */
export async function logitsOf({ contract, session }: Detector, picture: Pixels): Promise<Float32Array> {
  const side = sideOf(contract);
  const outputs = await session.run({ image: resizePixels(picture, side, side).data });
  return finite(outputs["logits"]!, contract).slice(contract.read!.first_bit);
}

/** Say what logits mean, at a share of the rate; a payload's p-value counts the other looks. */
export function detectionOf(
  { code }: Detector,
  logits: Float32Array,
  expected: Bits | null,
  fpr: number,
  share = 1,
  hasReading = true,
): Detection {
  const bits = Uint8Array.from(logits, (logit) => Number(logit > 0));
  const matching = expected && matchingBits(bits, expected);
  const reading = hasReading && code ? code.read(logits, fpr * share) : null;
  return {
    bits,
    hex: toHex(bits),
    logits,
    reading: reading && { ...reading, fpr, log10PValue: Math.min(0, reading.log10PValue - Math.log10(share)) },
    match: matching === null ? null : { matchingBits: matching, log10PValue: log10PValue(matching, bits.length) },
  };
}

/**
 * Mark a picture of any size, at that size.
 *
 * @param strength what the watermark is multiplied with; 1 is what the model was trained for.
 */
export async function embed(
  embedder: Embedder,
  picture: Pixels,
  message: MessageInput,
  { strength = 1 }: { strength?: number } = {},
): Promise<Marked & { readonly bits: Bits; readonly hex: string }> {
  const { contract, session, code } = embedder;
  const bits = toBits(message, contract.bits, code);
  const side = sideOf(contract);
  const inputs = { image: resizePixels(picture, side, side).data, message: Float32Array.from(bits) };
  const data = finite((await session.run(inputs))["delta"]!, contract);
  const channels = data.length / (side * side);
  const delta: Plane = { data, width: side, height: side, channels };
  return { ...blend(picture, delta, contract.mark!, strength), bits, hex: toHex(bits) };
}

export function toBits(message: MessageInput, count: number, code: PayloadCode | null): Bits {
  if (typeof message === "string") return fromHex(message, count);
  if (message instanceof Uint8Array) {
    if (message.length === count) return message;
    throw new EdgesealError("usage", `message: expected ${count} bits, got ${message.length}.`);
  }
  if (code !== null) return code.encode(message);
  throw new EdgesealError("usage", `messages of ${count} bits are too short for a payload; give all bits.`);
}

async function load(packUrl: string, part: ModelContract["part"], options: LoadOptions): Promise<Loaded> {
  const pack = await loadContract(packUrl);
  const models = pack.models.filter((model) => model.part === part);
  const contract = options.file ? models.find((model) => model.file === options.file) : models[0];
  if (!contract) {
    const wanted = options.file ?? `a model that is the ${part}`;
    throw new EdgesealError("model", `the pack lacks ${wanted}; pack it with "edgeseal pack".`);
  }
  const file = await fetchBytes(packUrl, contract.file);
  await checkFile(file, contract);
  const readFile: ReadFile = (name) => fetchBytes(packUrl, name);
  const open = options.openSession ?? liteRtSessions(options.wasmUrl ?? "litert/");
  const backends = options.backends ?? (["webgpu", "webnn", "wasm-threads", "wasm"] as const);
  const found = await firstRight(contract, file, pack.tolerances, readFile, open, backends);
  return { contract, backend: found.session.backend, ...found };
}

async function checkFile(file: Uint8Array, contract: ModelContract): Promise<void> {
  if (!globalThis.crypto?.subtle) return; // only pages from https and this device have it
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file.slice()));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== contract.sha256) {
    throw new EdgesealError("model", `${contract.file} is damaged: its checksum is another one. Reload the page; if it stays so, export the models again.`);
  }
}

async function fetchBytes(packUrl: string, name: string): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(packUrl + name.split("/").map(encodeURIComponent).join("/"));
  } catch (error) {
    throw new EdgesealError("runtime", `${name} cannot be fetched; check the connection and reload.`, { cause: error });
  }
  if (!response.ok) {
    throw new EdgesealError("model", `${name} is missing (status ${response.status}); export the models again.`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

function finite(values: Float32Array, contract: ModelContract): Float32Array {
  if (values.every(Number.isFinite)) return values;
  throw new EdgesealError("model", `${contract.file} gave values that are not finite: the file is broken; convert it again.`);
}
