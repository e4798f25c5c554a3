/** What is raised on purpose: a sentence that says what to do. */

/** Where the fault lies: how it was called, the picture, the model, or what runs it. */
export type Fault = "usage" | "picture" | "model" | "runtime";

/** An expected failure; its message is meant for people. */
export class EdgesealError extends Error {
  readonly fault: Fault;

  constructor(fault: Fault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "EdgesealError";
    this.fault = fault;
  }
}

/** Whether a browser refused memory, in one of the ways in which it and LiteRT.js say so. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof RangeError || /out of memory|OOM|allocat/i.test(String(error));
}
