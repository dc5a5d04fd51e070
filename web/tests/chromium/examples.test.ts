import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Browser } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, open, ROOT, serve } from "./driver";

const web = join(ROOT, "web");
const folder = mkdtempSync(join(tmpdir(), "mien-examples-"));
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Choose the example's picture on the page, and return what it says. */
async function readCollins(served: string, path: string): Promise<string | null> {
  const site = await serve(served);
  try {
    const { page, complaints } = await open(browser, site.address + path);
    await page.waitForSelector("input:enabled");
    await page.waitForSelector("html[data-ready], #root");
    await page.locator("input").setInputFiles(join(ROOT, "examples/eileen_collins.jpg"));
    await page.getByRole("status").getByText("happy").waitFor();
    const said = await page.getByRole("status").textContent();
    expect(complaints).toEqual([]);
    expect(site.asked.some((one) => one.endsWith("mien.onnx"))).toBe(false); // only what is needed
    await page.close();
    return said;
  } finally {
    await site.close();
  }
}

test("plain HTML, by a script tag", async () => {
  expect(await readCollins(ROOT, "web/examples/html/")).toBe("happy");
});

test.each(["react", "svelte"])("%s, built by Vite and served from a sub-path by a plain file server", async (name) => {
  await build({
    root: join(web, "examples", name),
    configFile: false,
    base: "./",
    logLevel: "error",
    plugins: name === "svelte" ? [svelte()] : [],
    resolve: { alias: { mien: join(web, "dist/mien.js") } },
    build: { outDir: join(folder, name, "below"), emptyOutDir: true },
  });
  expect(await readCollins(join(folder, name), "below/")).toBe("happy");
});
