/** A model in a worker, seen from the page. */

import { EdgesealError } from "../src/errors.ts";
import ModelWorker from "./worker.ts?worker";
import type { Answers, Numbered, OpenRequest, Opened, Reply, Request } from "./protocol.ts";

type Waiting = { resolve(answer: never): void; reject(error: EdgesealError): void; onFrame: ((done: number) => void) | undefined };

/** One model; what is asked of it waits until it is open. */
export class ModelClient {
  readonly opened: Promise<Opened>;
  readonly #worker = new ModelWorker();
  readonly #waiting = new Map<number, Waiting>();
  #count = 0;

  constructor(request: OpenRequest) {
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#hear(data);
    this.#worker.onerror = (event) => this.#fail(event.message);
    this.opened = this.#ask(request);
    this.opened.catch(() => undefined); // whoever asks hears of it
  }

  async ask<R extends Request>(request: R, onFrame?: (done: number) => void): Promise<Answers[R["kind"]]> {
    await this.opened;
    return this.#ask(request, onFrame);
  }

  close(): void {
    this.#worker.terminate();
  }

  #ask<R extends Request>(request: R, onFrame?: (done: number) => void): Promise<Answers[R["kind"]]> {
    const id = this.#count++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onFrame });
      this.#worker.postMessage({ id, request } satisfies Numbered);
    });
  }

  #hear(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if ("frames" in reply) return waiting?.onFrame?.(reply.frames);
    this.#waiting.delete(reply.id);
    if ("failure" in reply) {
      waiting?.reject(new EdgesealError(reply.failure.fault, reply.failure.message));
    } else {
      waiting?.resolve(reply.answer as never);
    }
  }

  /** The thread itself broke: nothing that waits will be answered. */
  #fail(why: string): void {
    const message = `The thread that computes has stopped (${why || "no reason given"}). Reload the page, or try WebAssembly only.`;
    for (const { reject } of this.#waiting.values()) reject(new EdgesealError("runtime", message));
    this.#waiting.clear();
  }
}
