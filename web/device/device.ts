/**
 * What a browser that `edgeseal check --on browser` or `edgeseal bench --browser` starts does: it asks
 * for work, does it in LiteRT.js, and sends back what came of it.
 *
 * Both ways it is one body: the length of a JSON text, the text, and the bytes that it describes.
 */

import { loadAndCompile, loadLiteRt, getGlobalLiteRt, Tensor, type CompiledModel } from "@litertjs/core";

type DType = "float32" | "int32" | "uint8";
type Described = { readonly type: DType; readonly shape: readonly number[]; readonly size: number };

interface Open {
  readonly accelerator: "wasm" | "webgpu";
  readonly threads: number;
}

interface Run {
  readonly inputs: readonly Described[];
  /** Run again until so long has passed. */
  readonly seconds: number;
}

const ARRAYS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array } as const;

let model: CompiledModel | null = null;
let threads = 0;

async function open(job: Open, file: Uint8Array): Promise<object> {
  let isSoftware = false;
  if (job.accelerator === "webgpu") {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) return { missing: "no graphics processor that WebGPU can use answers" };
    isSoftware = /swiftshader|llvmpipe/i.test(`${adapter.info.architecture} ${adapter.info.description}`);
  }
  if (threads === 0) {
    threads = job.threads;
    await loadLiteRt("/litert/", { threads: threads > 1, jspi: job.accelerator === "webgpu" });
  }
  model?.delete();
  model = null;
  const start = performance.now();
  const found = await loadAndCompile(file, { accelerator: job.accelerator, cpuOptions: { numThreads: threads } });
  const isWhole = found.options.accelerator === job.accelerator && (job.accelerator === "wasm" || found.isFullyAccelerated);
  if (isWhole) model = found;
  else found.delete();
  return { load_ms: performance.now() - start, is_whole: isWhole, is_software: isSoftware };
}

async function run(job: Run, content: Uint8Array): Promise<[object, Uint8Array[]]> {
  let at = 0;
  const values = job.inputs.map(({ type, size }) => {
    const part = content.slice(at, (at += size));
    return new ARRAYS[type](part.buffer);
  });
  let outputs: Uint8Array[];
  let count = 0;
  const start = performance.now();
  do {
    outputs = await runOnce(values, job.inputs);
    count += 1;
  } while (performance.now() - start < 1000 * job.seconds);
  const heap = (getGlobalLiteRt().liteRtWasm as unknown as { HEAPU8: Uint8Array }).HEAPU8.length;
  return [{ ms: (performance.now() - start) / count, heap_bytes: heap, sizes: outputs.map((one) => one.length) }, outputs];
}

async function runOnce(values: readonly InstanceType<(typeof ARRAYS)[DType]>[], inputs: Run["inputs"]): Promise<Uint8Array[]> {
  const tensors = values.map((one, i) => new Tensor(one, [...inputs[i]!.shape]));
  try {
    const results = await model!.run(tensors);
    const outputs: Uint8Array[] = [];
    for (const result of results) {
      const { buffer, byteOffset, byteLength } = await result.data();
      outputs.push(new Uint8Array(buffer, byteOffset, byteLength).slice()); // memory that threads share cannot be sent
      result.delete();
    }
    return outputs;
  } finally {
    for (const tensor of tensors) tensor.delete();
  }
}

async function answerTo(body: ArrayBuffer): Promise<Uint8Array[]> {
  const length = new DataView(body).getUint32(0, true);
  const job = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, length))) as (Open | Run) & { verb: string };
  const content = new Uint8Array(body, 4 + length);
  try {
    if (job.verb === "open") return packed(await open(job as Open, content), []);
    return packed(...(await run(job as Run, content)));
  } catch (error) {
    return packed({ error: error instanceof Error ? error.message : String(error) }, []);
  }
}

function packed(head: object, parts: Uint8Array[]): Uint8Array[] {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return [length, text, ...parts];
}

void fetch("/alive"); // is never answered, and breaks off where this page ends
let answer: Uint8Array[] = [];
for (;;) {
  const response = await fetch("/next", { method: "POST", body: new Blob(answer as BlobPart[]) });
  answer = await answerTo(await response.arrayBuffer());
}
