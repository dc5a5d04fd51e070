/** Run ONNX files by ONNX Runtime's WebAssembly. The only module that knows the runtime; it runs in the worker. */

import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { BundleError, RuntimeError } from "./errors";

/** One output of a network. */
export interface Output {
  data: Float32Array;
  dims: readonly number[];
}

/** A network that is ready to run. */
export interface Session {
  /** The names of the outputs, in order. */
  readonly outputs: readonly string[];
  /** Run it on one input; the outputs by name. */
  run(input: string, data: Float32Array | Uint8Array, dims: readonly number[]): Promise<Record<string, Output>>;
  /** Free its memory. */
  close(): Promise<void>;
}

/**
 * Prepare the runtime; call it once, before the first session.
 *
 * @param wasm the WebAssembly file's bytes.
 * @param threads 1, or more where the page is isolated from other origins.
 */
export function prepareRuntime(wasm: ArrayBuffer, threads: number): void {
  env.wasm.wasmBinary = wasm;
  env.wasm.numThreads = threads;
  env.wasm.proxy = false;
  env.logLevel = "error";
}

/**
 * Create a session of an ONNX file's bytes.
 *
 * @param source names it in messages.
 * @param optimize whether the graph is rewritten first, which 8-bit networks need to be fast; others only start later.
 */
export async function openSession(content: Uint8Array, source: string, optimize: boolean): Promise<Session> {
  if (typeof WebAssembly !== "object") {
    throw new RuntimeError("expected a browser with WebAssembly, got one without. Use a newer browser");
  }
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(content, {
      executionProviders: ["wasm"],
      graphOptimizationLevel: optimize ? "all" : "disabled",
      logSeverityLevel: 4,
    });
  } catch (error) {
    throw new BundleError(
      `${source}: expected an ONNX file that ONNX Runtime opens, got an error (${String(error)}). Export it again`,
    );
  }
  return {
    outputs: session.outputNames,
    async run(input, data, dims) {
      const kind = data instanceof Float32Array ? "float32" : "uint8";
      const tensor = new Tensor(kind, data, dims);
      const values = await session.run({ [input]: tensor });
      return values as unknown as Record<string, Output>;
    },
    close: () => session.release(),
  };
}
