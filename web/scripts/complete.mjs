// Completes dist/ after Vite: the runtime, packed, with its licence, and the released models.
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const root = new URL("../", import.meta.url);
const file = (name) => new URL(name, root);
const runtime = "node_modules/onnxruntime-web/";
const wasm = readFileSync(file(`${runtime}dist/ort-wasm-simd-threaded.wasm`));

writeFileSync(file("dist/ort-wasm-simd-threaded.wasm.gz"), gzipSync(wasm, { level: 9 }));
copyFileSync(file("licences/onnxruntime.txt"), file("dist/onnxruntime-LICENSE.txt"));
for (const folder of ["finders", "voice"]) mkdirSync(file(`dist/models/${folder}`), { recursive: true });
for (const name of ["mien-nano.onnx", "mien.onnx", "finders/mien-face.onnx", "voice/mien-voice.onnx"]) {
  cpSync(file(`../src/mien/bundles/${name}`), file(`dist/models/${name}`));
}
