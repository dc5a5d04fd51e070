import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

/** `import.meta.url` for the addresses of the package's files, which Vite would otherwise put into the library. */
const moduleUrl: Plugin = {
  name: "module-url",
  renderChunk: (code) => code.replaceAll("__MODULE_URL__", "import.meta.url"),
};

/** ONNX Runtime looks for its WebAssembly beside itself; here it is given (src/session.ts), so nobody need find it. */
const noOwnWasm: Plugin = {
  name: "no-own-wasm",
  enforce: "pre",
  transform(code, id) {
    if (!id.includes("onnxruntime-web")) return null;
    const address = 'new URL("ort-wasm-simd-threaded.wasm",import.meta.url).href';
    if (!code.includes(address)) throw new Error("onnxruntime-web: expected the address of its WebAssembly, got none");
    return code.replaceAll(address, '""');
  },
};

/** Files that browsers load apart, each built alone. */
const APART: Record<string, Record<string, string>> = {
  worker: { "mien.worker": "src/worker.ts" },
  microphone: { "mien.microphone": "src/voice/microphone.ts" },
};
const LIBRARY = { mien: "src/index.ts", "mien-element": "src/element.ts" };

export default defineConfig(({ mode }) => {
  const worker = mode === "worker";
  const entry: Record<string, string> = APART[mode] ?? LIBRARY;
  return {
    publicDir: false,
    plugins: [moduleUrl, noOwnWasm],
    build: {
      target: "es2022",
      emptyOutDir: !(mode in APART),
      minify: worker ? "oxc" : false,
      sourcemap: false,
      lib: {
        entry,
        formats: ["es"],
        fileName: (_, name) => `${name}.js`,
      },
      rolldownOptions: { output: { chunkFileNames: "mien-core.js" } },
    },
    test: {
      projects: [
        { test: { name: "unit", include: ["tests/unit/**/*.test.ts"] } },
        { test: { name: "chromium", include: ["tests/chromium/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false } },
      ],
    },
  };
});
