/** Reading the message that the frames of a video have in common, as Python's `detect_video` does. */

import type { Bits } from "./bits.ts";
import { detectionOf, logitsOf, toBits, type Detection, type Detector } from "./models.ts";
import { DEFAULT_FPR } from "./payload/code.ts";
import type { Pixels } from "./pixels.ts";

/** What a detector read in the frames of a video. */
export interface VideoDetection extends Detection {
  /** Number of frames read. */
  readonly frames: number;
  /** Whether reading stopped because the message was certain. */
  readonly stoppedEarly: boolean;
}

const FIRST_LOOK = 8; // frames

/**
 * Read the message of frames in their order, from the mean of their logits.
 *
 * After 8 frames and whenever their number has doubled the message may be certain enough to stop. Half
 * of the rate is spent on these looks, half on the last, so that it holds for all of them together.
 *
 * @param expect the message that should be there; then no payload is looked for.
 * @param fpr share of unmarked videos that may be called present.
 * @param onFrame hears of every frame, with the number done.
 */
export async function detectVideo(
  detector: Detector,
  frames: AsyncIterable<Pixels>,
  { expect, fpr = DEFAULT_FPR, onFrame }: { expect?: string | Bits; fpr?: number; onFrame?: (done: number) => void } = {},
): Promise<VideoDetection> {
  const expected = expect === undefined ? null : toBits(expect, detector.contract.bits, detector.code);
  const total = new Float64Array(detector.contract.bits);
  const judge = (share: number) =>
    detectionOf(detector, Float32Array.from(total, (sum) => sum / Math.max(1, done)), expected, fpr, share, expected === null);
  const hasLooks = expected !== null || detector.code !== null;
  let [done, next, share] = [0, FIRST_LOOK, 0.5];
  for await (const frame of frames) {
    (await logitsOf(detector, frame)).forEach((logit, i) => (total[i]! += logit));
    onFrame?.(++done);
    if (!hasLooks || done < next) continue;
    next *= 2;
    share /= 2;
    const found = judge(share);
    const isCertain = found.match ? found.match.log10PValue <= Math.log10(fpr * share) : found.reading?.status === "present";
    if (isCertain) return { ...found, frames: done, stoppedEarly: true };
  }
  return { ...judge(hasLooks ? 0.5 : 1), frames: done, stoppedEarly: false };
}
