/** The page's side of the worker: each request is a promise. */

import { fromMessage, RuntimeError } from "./errors";
import type { Answer, RequestName, Requests } from "./protocol";

interface Waiting {
  resolve: (value: never) => void;
  reject: (error: Error) => void;
}

/** A worker that answers requests. */
export class Connection {
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;
  private ended: Error | null = null;

  constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Answer>): void => {
      const request = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (!request) return;
      if ("error" in data) request.reject(fromMessage(data.error));
      else request.resolve(data.result as never);
    };
    worker.onerror = (event): void => {
      this.end(
        new RuntimeError(
          `expected the worker mien.worker.js to run, got ${event.message || "a file that cannot be loaded"}. Copy the ` +
            "package's whole folder `dist`, and let the page's security policy allow workers and WebAssembly " +
            "(worker-src 'self'; script-src 'self' 'wasm-unsafe-eval')",
        ),
      );
    };
  }

  /** Ask the worker; `moved` are values that the page gives up. */
  ask<Name extends RequestName>(
    name: Name,
    values: Requests[Name][0],
    moved: Transferable[] = [],
  ): Promise<Requests[Name][1]> {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      this.next += 1;
      this.waiting.set(this.next, { resolve, reject });
      this.worker.postMessage({ id: this.next, name, values }, moved);
    });
  }

  /** End the worker; requests without an answer are rejected. */
  end(reason: Error = new RuntimeError("expected an open reader, got one that was closed. Call load() again")): void {
    this.ended ??= reason;
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}
