/** The files that come with the package. Bundlers find them by the form `new URL("./name", import.meta.url)`. */

// The build puts `import.meta.url` here: Vite would put the files themselves into the library otherwise.
declare const __MODULE_URL__: string;

/** The released models, by name. */
export const MODELS = {
  "mien-nano": (): string => new URL("./models/mien-nano.onnx", __MODULE_URL__).href,
  mien: (): string => new URL("./models/mien.onnx", __MODULE_URL__).href,
};

/** mien's own face detector. */
export const finder = (): string => new URL("./models/finders/mien-face.onnx", __MODULE_URL__).href;

/** The released voice model. */
export const voiceModel = (): string => new URL("./models/voice/mien-voice.onnx", __MODULE_URL__).href;

/** The audio worklet that takes a microphone's sound. */
export const microphoneWorklet = (): string => new URL("./mien.microphone.js", __MODULE_URL__).href;

/** ONNX Runtime's WebAssembly, packed by gzip. */
export const runtime = (): string => new URL("./ort-wasm-simd-threaded.wasm.gz", __MODULE_URL__).href;

/** Start the package's worker. */
export function startWorker(): Worker {
  return new Worker(new URL("./mien.worker.js", __MODULE_URL__), { type: "module", name: "mien" });
}
