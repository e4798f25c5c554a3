/** The frames of a video, by the browser's own decoders. */

import { BlobSource, Input, MATROSKA, MP4, MPEG_TS, QTFF, VideoSampleSink, WEBM, type VideoSample } from "mediabunny";

import { EdgesealError } from "../src/errors.ts";
import { inspectPicture } from "../src/picture-file.ts";
import type { Pixels } from "../src/pixels.ts";
import { refuseSize } from "./decode.ts";

const HEAD = 16; // bytes that tell what a file is

/** Whether a file is a video, by its type or by its head. */
export async function isVideo(file: Blob): Promise<boolean> {
  if (file.type.startsWith("video/")) return true;
  const head = await file.slice(0, HEAD).arrayBuffer().catch(() => new ArrayBuffer(0)); // reading it again says why
  return inspectPicture(new Uint8Array(head)).format === "video";
}

/** All frames in the order in which they are shown, upright; of a damaged file those before the damage. */
export class Frames implements AsyncIterable<Pixels> {
  /** What is damaged in the file, once all frames were read. */
  problem: string | null = null;
  width = 0;
  height = 0;

  constructor(private readonly file: Blob) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Pixels> {
    if (typeof VideoDecoder === "undefined") {
      throw new EdgesealError("picture", "This browser cannot hand out the frames of videos (it has no WebCodecs); update it, or use the command line.");
    }
    const input = new Input({ formats: [MP4, QTFF, WEBM, MATROSKA, MPEG_TS], source: new BlobSource(this.file) });
    try {
      for await (const sample of (await sinkOf(input)).samples()) yield this.pixelsOf(sample);
    } catch (error) {
      if (error instanceof EdgesealError) throw error;
      if (this.width === 0) throw new EdgesealError("picture", UNREADABLE, { cause: error });
      this.problem = "The video is damaged or cut short; it was read as far as it goes.";
    } finally {
      input.dispose();
    }
    if (this.width === 0) throw new EdgesealError("picture", UNREADABLE);
  }

  private pixelsOf(sample: VideoSample): Pixels {
    try {
      const { width, height } = sample.visibleRect;
      [this.width, this.height] = sample.rotation % 180 === 0 ? [width, height] : [height, width];
      refuseSize(this.width, this.height);
      const context = new OffscreenCanvas(this.width, this.height).getContext("2d", { willReadFrequently: true });
      if (!context) throw new RangeError("no canvas of that size");
      sample.draw(context, 0, 0, this.width, this.height);
      return context.getImageData(0, 0, this.width, this.height);
    } finally {
      sample.close();
    }
  }
}

const UNREADABLE = "This video cannot be read; it may be damaged, or of a kind that the browser does not know. Fetch it again, or use the command line.";

async function sinkOf(input: Input): Promise<VideoSampleSink> {
  const track = await input.getPrimaryVideoTrack();
  if (!track) throw new EdgesealError("picture", "The file has no moving pictures in it; choose a video or a picture.");
  if (await track.canDecode()) return new VideoSampleSink(track);
  throw new EdgesealError("picture", `This browser cannot decode videos of this kind (${(await track.getCodec()) ?? "unknown"}); save it as H.264, VP9 or AV1, or use the command line.`);
}
