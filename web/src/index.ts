/** Watermarks read and written in the browser, on the visitor's own device. */

export { liteRtSessions, type Backend, type OpenSession, type Session } from "./backends.ts";
export { fromHex, matchingBits, toHex, type Bits } from "./bits.ts";
export { blend, type Marked } from "./blend.ts";
export { parseContract, sideOf, type ModelContract, type PackContract } from "./contract.ts";
export { EdgesealError, type Fault } from "./errors.ts";
export {
  detect,
  embed,
  loadContract,
  loadDetector,
  loadEmbedder,
  type Detection,
  type Detector,
  type Embedder,
  type LoadOptions,
  type MessageInput,
} from "./models.ts";
export { DEFAULT_FPR, MAYBE_RATE, PayloadCode, type MarkStatus, type PayloadReading } from "./payload/code.ts";
export { capacity, payloadOf, payloadToJson, type Payload } from "./payload/payload.ts";
export { inspectPicture, type PictureFacts } from "./picture-file.ts";
export type { Pixels, Plane } from "./pixels.ts";
export { log10PValue } from "./pvalue.ts";
export { resizePixels, resizePlane } from "./resize.ts";
export type { Trial } from "./self-test.ts";
export { detectVideo, type VideoDetection } from "./video.ts";
