/** What the page and its workers say to each other. */

import type { Backend } from "../src/backends.ts";
import type { Fault } from "../src/errors.ts";
import type { Detection } from "../src/models.ts";
import type { Trial } from "../src/self-test.ts";

export interface OpenRequest {
  readonly kind: "open";
  readonly part: "detector" | "embedder";
  readonly packUrl: string;
  readonly file: string;
  readonly wasmUrl: string;
  readonly backends: readonly Backend[];
}

export interface DetectRequest {
  readonly kind: "detect";
  readonly picture: Blob;
  readonly expect: string | null;
}

export interface EmbedRequest {
  readonly kind: "embed";
  readonly picture: Blob;
  readonly contentKind: "text" | "id" | "hex" | "bits" | "message";
  readonly content: string;
  readonly strength: number;
}

export interface Opened {
  readonly backend: Backend;
  readonly trials: readonly Trial[];
}

export interface Read {
  readonly detection: Detection;
  readonly width: number;
  readonly height: number;
  /** Of a video: how much of it was read. */
  readonly video: { readonly frames: number; readonly stoppedEarly: boolean; readonly problem: string | null } | null;
}

export interface Written {
  readonly file: Blob;
  readonly difference: ImageBitmap;
  readonly hex: string;
  readonly psnrDb: number;
  readonly width: number;
  readonly height: number;
}

export interface Answers {
  open: Opened;
  detect: Read;
  embed: Written;
}

export type Request = OpenRequest | DetectRequest | EmbedRequest;
export type Numbered = { readonly id: number; readonly request: Request };
export type Reply =
  | { readonly id: number; readonly frames: number } // of a video, read so far
  | { readonly id: number; readonly answer: Answers[keyof Answers] }
  | { readonly id: number; readonly failure: { readonly fault: Fault; readonly message: string } };
