import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type * as api from "../../src/index";
import { launch, open, ROOT, serve } from "./driver";

declare global {
  interface Window {
    api: typeof api;
    mien: api.Mien;
    picture: Blob;
  }
}

const COLLINS = "/examples/eileen_collins.jpg";
const python = JSON.parse(readFileSync(new URL("../fixtures/collins.json", import.meta.url), "utf8")) as Record<
  string,
  api.FacesDocument
>;

let site: Awaited<ReturnType<typeof serve>>;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  site = await serve(ROOT);
  browser = await launch();
  ({ page, complaints } = await open(browser, `${site.address}web/tests/chromium/blank.html`));
  await page.evaluate(async (picture) => {
    window.mien = await window.api.load();
    window.picture = await (await fetch(picture)).blob();
  }, COLLINS);
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

/** The same document as Python's, within the bars: half a pixel, .002. */
function expectSame(found: api.FacesDocument, wanted: api.FacesDocument): void {
  const { width, height, labels } = wanted;
  expect({ width: found.width, height: found.height, labels: found.labels }).toEqual({ width, height, labels });
  expect(found.faces.length).toBe(wanted.faces.length);
  found.faces.forEach((face, n) => {
    const other = wanted.faces[n];
    expect(face.emotion).toBe(other.emotion);
    face.box.forEach((value, k) => expect(Math.abs(value - other.box[k])).toBeLessThan(0.5));
    for (const [name, value] of Object.entries(other.probabilities)) {
      expect(Math.abs(face.probabilities[name] - value), name).toBeLessThanOrEqual(0.002);
    }
    expect(Object.keys(face)).toEqual(Object.keys(other));
    expect(face.emotion_set).toEqual(other.emotion_set);
    for (const name of ["expressiveness", "valence", "arousal"] as const) {
      for (const part of ["value", "low", "high"] as const) {
        expect(face[name]?.[part] ?? 0, `${name} ${part}`).toBeCloseTo(other[name]?.[part] ?? 0, 2);
      }
    }
  });
}

test("a file is read as in Python", async () => {
  const found = await page.evaluate(async () => (await window.mien.predict(window.picture)).toJSON());
  expectSame(found, python["mien-nano"]);
  expect(found.source).toBe("image");
});

test("the larger model and its other labels are read as in Python", async () => {
  const found = await page.evaluate(async () => {
    const mien = await window.api.load({ model: "mien", labels: "fer2013" });
    const faces = await mien.predict(window.picture);
    mien.close();
    return faces.toJSON();
  });
  expectSame(found, python["mien fer2013"]);
});

test("elements, bitmaps and pixels give the same faces, and stay whole", async () => {
  const found = await page.evaluate(async () => {
    const image = new Image();
    image.src = URL.createObjectURL(window.picture);
    const bitmap = await createImageBitmap(window.picture);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    const context = canvas.getContext("2d")!;
    context.drawImage(bitmap, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
    const sources = [image, bitmap, canvas, pixels, new VideoFrame(canvas, { timestamp: 0 })];
    const documents = [];
    for (const source of sources) documents.push((await window.mien.predict(source)).toJSON());
    return { documents, bitmap: bitmap.width, pixels: pixels.data.length };
  });
  expect(found.documents.length).toBe(5);
  for (const document of found.documents) expectSame(document, python["mien-nano"]);
  expect(found.bitmap).toBe(512);
  expect(found.pixels).toBe(512 * 512 * 4);
});

test("the document of pictures has Python's keys", async () => {
  const found = await page.evaluate(async () => {
    const faces = await window.mien.predict(window.picture, { source: "a.jpg" });
    return window.mien.document([faces], [{ source: "b", reason: "broken" }]);
  });
  expect(Object.keys(found)).toEqual(["schema", "mien", "model", "labels", "images", "errors"]);
  expect(found.images[0].source).toBe("a.jpg");
  expect(found.labels.emotions).toHaveLength(8);
});

test("options reach the worker", async () => {
  const found = await page.evaluate(async () => {
    const { mien, picture } = window;
    const none = await mien.predict(picture, { minFace: 400 });
    const unsure = await mien.predict(picture, { minConfidence: 1 });
    const whole = await mien.predict(picture, { detector: "whole", flip: true });
    return { none: none.length, unsure: unsure.at(0)?.emotion, whole: whole.at(0)?.box };
  });
  expect(found).toEqual({ none: 0, unsure: "uncertain", whole: [0, 0, 512, 512] });
});

test.each([
  ["new Blob(['no picture'], {type: 'text/plain'})", "ImageError", /expected a picture .* got a file of the type text\/plain/],
  ["new File([], 'empty.jpg')", "ImageError", /empty\.jpg: expected a picture, got an empty file/],
  ["'face.jpg'", "InputError", /expected a Blob or File.* got "face\.jpg"/],
  ["document.createElement('video')", "ImageError", /loadeddata/],
])("%s is refused", async (source, kind, message) => {
  const found = await page.evaluate(async (code) => {
    try {
      await window.mien.predict(eval(code) as Blob);
      return null;
    } catch (error) {
      return { kind: (error as Error).name, known: error instanceof window.api.MienError, message: String(error) };
    }
  }, source);
  expect(found).toMatchObject({ kind, known: true });
  expect(found?.message).toMatch(message);
});

test("a model that is missing, or none of mien's, is said so", async () => {
  const found = await page.evaluate(async () => {
    const messages: string[] = [];
    for (const model of ["/nowhere.onnx", "/web/package.json", "/src/mien/bundles/finders/mien-face.onnx"]) {
      await window.api.load({ model }).catch((error: Error) => messages.push(`${error.name}: ${error.message}`));
    }
    await window.api.load({ labels: "moods" }).catch((error: Error) => messages.push(error.message));
    return messages;
  });
  expect(found[0]).toMatch(/RuntimeError: .*nowhere\.onnx: .*status 404/);
  expect(found[1]).toMatch(/BundleError: .*expected an ONNX file/);
  expect(found[2]).toMatch(/BundleError: .*kind face-finder/);
  expect(found[3]).toMatch(/expected one of this bundle's heads \(.*\), got "moods"/);
});

test("nothing is fetched once the model is loaded, and nothing from elsewhere", async () => {
  const before = site.asked.length;
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.evaluate(async () => {
    for (let round = 0; round < 3; round++) await window.mien.predict(window.picture);
  });
  expect(site.asked.slice(before)).toEqual([]);
  expect(requests).toEqual([]);
});

test("a closed reader says so", async () => {
  const message = await page.evaluate(async () => {
    const mien = await window.api.load({ finder: null, detector: "whole" });
    const faces = await mien.predict(window.picture);
    mien.close();
    return mien.predict(window.picture).then(
      () => "",
      (error: Error) => `${faces.length} ${error.message}`,
    );
  });
  expect(message).toMatch(/^1 .*closed/);
  expect(complaints).toEqual([]);
});
