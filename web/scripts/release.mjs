// Copies the built library to where the Python package ships it, with a manifest: `npm run release`, once per release.
// A test in Python holds the manifest against the sources, without Node (tests/web/test_shipped.py).
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const root = new URL("../", import.meta.url);
const target = new URL("../src/mien/serve/static/web/", root);
const sha256 = (content) => createHash("sha256").update(content).digest("hex");

/** The files that decide what is built, by their paths in web/. */
function sources(folder = "src/") {
  const found = [];
  for (const entry of readdirSync(new URL(folder, root), { withFileTypes: true })) {
    if (entry.isDirectory()) found.push(...sources(`${folder}${entry.name}/`));
    else found.push(folder + entry.name);
  }
  return found;
}

const digest = createHash("sha256");
for (const path of [...sources(), "package.json", "vite.config.ts", "scripts/complete.mjs"].sort()) {
  digest.update(`${path}\0`).update(readFileSync(new URL(path, root))).update("\0");
}

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
const files = {};
for (const entry of readdirSync(new URL("dist/", root), { withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const content = readFileSync(new URL(`dist/${entry.name}`, root));
  copyFileSync(new URL(`dist/${entry.name}`, root), new URL(entry.name, target));
  files[entry.name] = { bytes: content.length, sha256: sha256(content) };
}
const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
const manifest = { version, sources: digest.digest("hex"), files };
writeFileSync(new URL("manifest.json", target), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(`wrote ${Object.keys(files).length} files, ${Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0)} bytes`);
