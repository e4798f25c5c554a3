/** LiteRT.js behind one small door: open a model on a backend, run it on real values. */

import type { CompiledModel } from "@litertjs/core";

import type { ModelContract, TensorContract } from "./contract.ts";
import { EdgesealError } from "./errors.ts";
import { halvesToEven } from "./rounding.ts";

/** What a model can run on: the processor through WebAssembly, one thread or several, or the graphics processor. */
export type Backend = "wasm" | "wasm-threads" | "webgpu";

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
 */
export function liteRtSessions(wasmUrl: string): OpenSession {
  return async (model, file, backend) => {
    await checkSupport(backend);
    const litert = await import("@litertjs/core");
    await loadBuild(litert, wasmUrl, backend);
    const accelerator = backend === "webgpu" ? "webgpu" : "wasm";
    const compiled = await litert.loadAndCompile(file, { accelerator });
    if (compiled.options.accelerator !== accelerator || (backend === "webgpu" && !compiled.isFullyAccelerated)) {
      compiled.delete();
      throw new EdgesealError("runtime", "it does not take all of the model's operators");
    }
    return new LiteRtSession(litert, compiled, model, backend);
  };
}

type LiteRt = typeof import("@litertjs/core");

const THREADED = "litert_wasm_threaded_internal.js";

let loaded: { readonly build: string; readonly whole: Promise<unknown> } | null = null;

/** Load the build that suits backend and browser: of nine megabytes each, so one for as much as it can. */
async function loadBuild(litert: LiteRt, wasmUrl: string, backend: Backend): Promise<void> {
  const threads = backend === "wasm-threads";
  const jspi = !threads && "gpu" in navigator && "Suspending" in WebAssembly;
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
  await loaded.whole;
}

async function checkSupport(backend: Backend): Promise<void> {
  if (typeof WebAssembly !== "object") {
    throw new EdgesealError("runtime", "this browser has no WebAssembly, or it is switched off");
  }
  if (backend === "wasm-threads" && !globalThis.crossOriginIsolated) {
    throw new EdgesealError("runtime", "this page's server does not send the headers that threads need");
  }
  if (backend !== "webgpu") return;
  if (!("gpu" in navigator) || !navigator.gpu) {
    throw new EdgesealError("runtime", "this browser has no WebGPU");
  }
  if ((await navigator.gpu.requestAdapter()) === null) {
    throw new EdgesealError("runtime", "there is no graphics processor that WebGPU can use");
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
