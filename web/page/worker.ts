/** A model in a thread of its own, so that the page answers while it works. */

import { EdgesealError, isOutOfMemory } from "../src/errors.ts";
import { detect, embed, loadDetector, loadEmbedder, type Detector, type Embedder } from "../src/models.ts";
import { payloadOf } from "../src/payload/payload.ts";
import type { Pixels } from "../src/pixels.ts";
import { detectVideo } from "../src/video.ts";
import { decodePicture, encodeAs } from "./decode.ts";
import { Frames, isVideo } from "./frames.ts";
import type { Answers, DetectRequest, EmbedRequest, Numbered, OpenRequest, Reply, Request } from "./protocol.ts";

const PREVIEW = 1600; // pixels of the longer side
const GAIN = 16; // of differences that are shown

let detector: Detector | null = null;
let embedder: Embedder | null = null;

self.onmessage = async ({ data }: MessageEvent<Numbered>) => {
  const { id, request } = data;
  try {
    const answer = await answerTo(request, (frames) => self.postMessage({ id, frames } satisfies Reply));
    const moved = "difference" in answer ? [answer.difference] : [];
    self.postMessage({ id, answer } satisfies Reply, { transfer: moved });
  } catch (error) {
    self.postMessage({ id, failure: failureOf(error) } satisfies Reply);
  }
};

async function answerTo(request: Request, onFrame: (done: number) => void): Promise<Answers[keyof Answers]> {
  if (request.kind === "open") return open(request);
  return request.kind === "detect" ? read(request, onFrame) : write(request);
}

async function open(request: OpenRequest): Promise<Answers["open"]> {
  const options = { file: request.file, wasmUrl: request.wasmUrl, backends: request.backends };
  if (request.part === "detector") {
    detector = await loadDetector(request.packUrl, options);
    return { backend: detector.backend, trials: detector.trials };
  }
  embedder = await loadEmbedder(request.packUrl, options);
  return { backend: embedder.backend, trials: embedder.trials };
}

async function read({ picture, expect }: DetectRequest, onFrame: (done: number) => void): Promise<Answers["detect"]> {
  const options = expect === null ? {} : { expect };
  if (await isVideo(picture)) {
    const shown = new Frames(picture);
    const { frames, stoppedEarly, ...detection } = await detectVideo(detector!, shown, { ...options, onFrame });
    const { problem, width, height } = shown;
    return { detection, width, height, video: { frames, stoppedEarly, problem } };
  }
  const pixels = await decodePicture(picture, false);
  return { detection: await detect(detector!, pixels, options), width: pixels.width, height: pixels.height, video: null };
}

async function write(request: EmbedRequest): Promise<Answers["embed"]> {
  const { content, contentKind, picture, strength } = request;
  const message = contentKind === "message" ? content : payloadOf(contentKind, content);
  const pixels = await decodePicture(picture, true);
  const marked = await embed(embedder!, pixels, message, { strength });
  const file = await encodeAs(picture, marked.pixels);
  const difference = await differenceOf(pixels, marked.pixels);
  const { width, height } = pixels;
  return { file, difference, hex: marked.hex, psnrDb: marked.psnrDb, width, height };
}

/** What was added, much enlarged, around grey. */
function differenceOf(before: Pixels, after: Pixels): Promise<ImageBitmap> {
  const step = Math.max(1, Math.ceil(Math.max(before.width, before.height) / PREVIEW));
  const [width, height] = [Math.ceil(before.width / step), Math.ceil(before.height / step)];
  const shown = new ImageData(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 4 * (y * step * before.width + x * step);
      const to = 4 * (y * width + x);
      for (let c = 0; c < 3; c++) {
        shown.data[to + c] = 128 + GAIN * (after.data[from + c]! - before.data[from + c]!);
      }
      shown.data[to + 3] = 255;
    }
  }
  return createImageBitmap(shown);
}

function failureOf(error: unknown): { fault: EdgesealError["fault"]; message: string } {
  if (error instanceof EdgesealError) return { fault: error.fault, message: error.message };
  if (isOutOfMemory(error)) {
    return { fault: "runtime", message: "The browser has too little memory for that. Close other tabs and reload, or take a smaller picture." };
  }
  const why = error instanceof Error ? error.message : String(error);
  return { fault: "runtime", message: `Something went wrong that should not: ${why}. Reload the page.` };
}
