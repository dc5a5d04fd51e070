import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, open, ROOT, serve } from "./driver";

let site: Awaited<ReturnType<typeof serve>>;
let browser: Browser;
const folder = mkdtempSync(join(tmpdir(), "mien-camera-"));

beforeAll(async () => {
  site = await serve(ROOT);
  const picture = readFileSync(join(ROOT, "examples/eileen_collins.jpg"));
  writeFileSync(join(folder, "camera.mjpeg"), Buffer.concat([picture, picture])); // a film of two pictures
  browser = await launch(`--use-file-for-fake-video-capture=${join(folder, "camera.mjpeg")}`);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("the element shows the camera's faces, tells moments, and stops", async () => {
  const { page, complaints } = await open(browser, `${site.address}web/tests/chromium/element.html`);
  await page.getByRole("button", { name: "Turn the camera on" }).click();
  await page.waitForFunction("window.moments.length > 3");
  expect(await page.evaluate("window.moments.at(-1)")).toEqual(["happy"]);
  const drawn = await page.evaluate(() => {
    const canvas = document.querySelector("mien-camera")!.shadowRoot!.querySelector("canvas")!;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, k) => k % 4 === 3 && value > 0).length;
  });
  expect(drawn).toBeGreaterThan(500);
  await page.evaluate(() => (document.querySelector("mien-camera") as unknown as { stop(): void }).stop());
  const count = await page.evaluate("window.moments.length");
  await page.waitForTimeout(300);
  expect(await page.evaluate("window.moments.length")).toBe(count);
  await page.getByRole("button", { name: "Turn the camera on" }).waitFor();
  expect(complaints).toEqual([]);
  await page.close();
});

test("a camera that is not there is said in words for the visitor", async () => {
  const { page } = await open(browser, `${site.address}web/tests/chromium/element.html`);
  await page.evaluate(() => document.querySelector("mien-camera")!.setAttribute("device", "none"));
  await page.getByRole("button").click();
  await page.getByText("There is no such camera").waitFor();
  expect(await page.evaluate("window.problem")).toBe("CameraError");
  await page.getByRole("button").waitFor();
  await page.close();
});
