/** LiteRT.js behind one small door: open a model on a backend, run it on real values. */

import type { CompiledModel } from "@litertjs/core";

import type { ModelContract, TensorContract } from "./contract.ts";
import { EdgesealError, isOutOfMemory } from "./errors.ts";
import { halvesToEven } from "./rounding.ts";

/** What a model can run on: the processor through WebAssembly, one thread or several, the graphics processor, or what the system has for networks. */
export type Backend = "wasm" | "wasm-threads" | "webgpu" | "webnn";

export const BACKEND_NAMES: Record<Backend, string> = {
  wasm: "WebAssembly",
  "wasm-threads": "WebAssembly with threads",
  webgpu: "WebGPU",
  webnn: "WebNN",
};

/** A model on a backend. Values are float32 by the signature's names, whatever the file stores. */
export interface Session {
  readonly backend: Backend;
  run(inputs: Record<string, Float32Array>): Promise<Record<string, Float32Array>>;
  close(): void;
}

/** Opens a model on a backend; throws a sentence why it cannot. The tests put fakes here. */
export type OpenSession = (model: ModelContract, file: Uint8Array, backend: Backend) => Promise<Session>;

/**
 * Return what opens models in LiteRT.js.
 *
 * @param wasmUrl the folder of LiteRT.js' `wasm/` files, with a slash at its end.
 * @throws EdgesealError if the browser can run none of LiteRT.js' builds.
 */
export function liteRtSessions(wasmUrl: string): OpenSession {
  checkWebAssembly();
  return async (model, file, backend) => {
    await checkSupport(backend);
    const litert = await import("@litertjs/core");
    await loadBuild(litert, wasmUrl, backend);
    const accelerator = backend === "wasm-threads" ? "wasm" : backend;
    const compiled = await compile(litert, model, file, accelerator);
    try {
      checkTensors(compiled, model);
      if (compiled.options.accelerator !== accelerator || (accelerator !== "wasm" && !compiled.isFullyAccelerated)) {
        throw new EdgesealError("runtime", "it does not take all of the model's operators");
      }
    } catch (error) {
      compiled.delete();
      throw error;
    }
    return new LiteRtSession(litert, compiled, model, backend);
  };
}

type LiteRt = typeof import("@litertjs/core");

const THREADED = "litert_wasm_threaded_internal.js";

// A function that makes a vector of 16 bytes, which LiteRT.js' builds are full of.
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];
const TOO_LITTLE_MEMORY = "the browser gives it too little memory; close other tabs and programs, and reload";

let loaded: { readonly build: string; readonly whole: Promise<unknown> } | null = null;

/** Load the build that suits backend and browser: of nine megabytes each, so one for as much as it can. */
async function loadBuild(litert: LiteRt, wasmUrl: string, backend: Backend): Promise<void> {
  const threads = backend === "wasm-threads";
  const jspi = !threads && ("gpu" in navigator || "ml" in navigator) && "Suspending" in WebAssembly;
  const build = `${threads} ${jspi}`;
  if (loaded !== null && loaded.build !== build) {
    await loaded.whole;
    litert.unloadLiteRt();
    loaded = null;
  }
  if (loaded === null) {
    // In a worker the loader would look for its files beside the worker's.
    const own = { locateFile: (name: string) => wasmUrl + name, ...(threads && { mainScriptUrlOrBlob: wasmUrl + THREADED }) };
    Object.assign(globalThis, { Module: own });
    const whole = litert.loadLiteRt(wasmUrl, { threads, jspi });
    loaded = { build, whole };
    whole.catch(() => {
      loaded = null;
    });
  }
  try {
    await loaded.whole;
  } catch (error) {
    if (isOutOfMemory(error)) throw new EdgesealError("runtime", TOO_LITTLE_MEMORY, { cause: error });
    throw error;
  }
}

async function compile(
  litert: LiteRt,
  model: ModelContract,
  file: Uint8Array,
  accelerator: "wasm" | "webgpu" | "webnn",
): Promise<CompiledModel> {
  try {
    return await litert.loadAndCompile(file, { accelerator });
  } catch (error) {
    if (isOutOfMemory(error)) throw new EdgesealError("runtime", TOO_LITTLE_MEMORY, { cause: error });
    if (!String(error).includes("load model")) throw error;
    throw new EdgesealError("model", `${model.file} is broken: it is no model that LiteRT.js can open. Convert, pack and export it again.`, { cause: error });
  }
}

/** Refuse a file whose tensors are not those of its contract, such as another card's under its name. */
function checkTensors(compiled: CompiledModel, model: ModelContract): void {
  const signature = compiled.signatures[model.signature];
  const agree = (found: ReturnType<CompiledModel["getInputDetails"]>, wanted: ModelContract["inputs"]) =>
    found.length === Object.keys(wanted).length &&
    found.every(({ name, shape }) => wanted[name]?.shape.join() === [...shape].join());
  if (signature && agree(signature.getInputDetails(), model.inputs) && agree(signature.getOutputDetails(), model.outputs)) return;
  throw new EdgesealError("model", `${model.file} is another model than its pack says: it takes or gives other tensors. Pack and export it again.`);
}

function checkWebAssembly(): void {
  if (typeof WebAssembly !== "object") {
    throw new EdgesealError("runtime", "This browser has no WebAssembly, or it is switched off. Switch it on, try another browser, or use the command line.");
  }
  if (!WebAssembly.validate(Uint8Array.from(SIMD))) {
    throw new EdgesealError("runtime", "This browser, or its processor, lacks WebAssembly's SIMD, which LiteRT.js needs. Update the browser, try another device, or use the command line.");
  }
}

async function checkSupport(backend: Backend): Promise<void> {
  if (backend === "wasm-threads" && !globalThis.crossOriginIsolated) {
    throw new EdgesealError("runtime", "this page's server does not send the headers that threads need");
  }
  if (backend === "webnn") await checkWebNn();
  if (backend !== "webgpu") return;
  if (!("gpu" in navigator) || !navigator.gpu) {
    throw new EdgesealError("runtime", "this browser has no WebGPU");
  }
  if ((await navigator.gpu.requestAdapter()) === null) {
    throw new EdgesealError("runtime", "there is no graphics processor that WebGPU can use");
  }
}

/** Ask for what LiteRT.js would wait for without an end where there is none. */
async function checkWebNn(): Promise<void> {
  if (!("ml" in navigator && "Suspending" in WebAssembly)) {
    throw new EdgesealError("runtime", "this browser has no WebNN");
  }
  try {
    await (navigator.ml as { createContext(): Promise<unknown> }).createContext();
  } catch (error) {
    throw new EdgesealError("runtime", "this device has nothing for networks that WebNN can use", { cause: error });
  }
}

class LiteRtSession implements Session {
  constructor(
    private readonly litert: LiteRt,
    private readonly compiled: CompiledModel,
    private readonly model: ModelContract,
    readonly backend: Backend,
  ) {}

  async run(inputs: Record<string, Float32Array>): Promise<Record<string, Float32Array>> {
    const tensors = Object.fromEntries(
      Object.entries(this.model.inputs).map(([name, tensor]) => [
        name,
        new this.litert.Tensor(stored(inputs[name]!, tensor), [...tensor.shape]),
      ]),
    );
    try {
      const outputs = await this.compiled.run(this.model.signature, tensors);
      const results: Record<string, Float32Array> = {};
      for (const [name, tensor] of Object.entries(outputs)) {
        results[name] = real(await tensor.data(), this.model.outputs[name]!);
        tensor.delete();
      }
      return results;
    } finally {
      for (const tensor of Object.values(tensors)) tensor.delete();
    }
  }

  close(): void {
    this.compiled.delete();
  }
}

/** Quantize real values as a tensor stores them, halves to even. */
export function stored(
  values: Float32Array,
  tensor: TensorContract,
): Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> {
  if (tensor.type === "float32" || tensor.scale === null) return new Float32Array(values);
  const scale = Math.fround(tensor.scale);
  const integers = new Uint8ClampedArray(values.length); // clamps, and rounds halves to even
  for (let i = 0; i < values.length; i++) {
    integers[i] = halvesToEven(Math.fround(values[i]! / scale)) + (tensor.zero_point ?? 0);
  }
  return new Uint8Array(integers.buffer);
}

/** The real values that a tensor's numbers stand for. */
export function real(values: ArrayLike<number>, tensor: TensorContract): Float32Array {
  if (tensor.type === "float32" || tensor.scale === null) return Float32Array.from(values);
  const scale = Math.fround(tensor.scale);
  return Float32Array.from(values, (value) => (value - (tensor.zero_point ?? 0)) * scale);
}
