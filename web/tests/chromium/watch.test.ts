import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, open, ROOT, serve } from "./driver";

let site: Awaited<ReturnType<typeof serve>>;
let browser: Browser;
let page: Page;
let complaints: string[];

/** Play two faces that move slowly, as a camera would show them, in `window.video`. */
async function playFaces(): Promise<void> {
  const bitmap = await createImageBitmap(await (await fetch("/examples/eileen_collins.jpg")).blob());
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 360];
  const context = canvas.getContext("2d")!;
  let step = 0;
  const draw = (): void => {
    step += 1;
    context.fillStyle = "#456";
    context.fillRect(0, 0, 640, 360);
    context.drawImage(bitmap, 20 + (step % 100) / 5, 20, 300, 300);
    context.drawImage(bitmap, 320, 40 + (step % 60) / 6, 300, 300);
    requestAnimationFrame(draw);
  };
  draw();
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = canvas.captureStream(30);
  await video.play();
  window.video = video;
}

declare global {
  interface Window {
    video: HTMLVideoElement;
  }
}

beforeAll(async () => {
  site = await serve(ROOT);
  browser = await launch();
  ({ page, complaints } = await open(browser, `${site.address}web/tests/chromium/blank.html`));
  await page.evaluate(playFaces);
  await page.evaluate(async () => {
    window.mien = await window.api.load();
  });
});

afterAll(async () => {
  expect(complaints).toEqual([]);
  await browser?.close();
  await site?.close();
});

test("two persons keep their numbers, moments come in order, and it stops", async () => {
  const found = await page.evaluate(async () => {
    const moments: { time: number; frame: number; tracks: (number | null)[]; emotions: string[]; ms: number }[] = [];
    let enough: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (enough = resolve));
    const watch = window.mien.watch(window.video, ({ time, frame, faces, milliseconds }) => {
      const list = [...faces];
      moments.push({
        time,
        frame,
        tracks: list.map(({ track }) => track),
        emotions: list.map(({ emotion }) => emotion),
        ms: milliseconds,
      });
      if (moments.length === 12) enough();
    });
    await waiting;
    watch.stop();
    await watch.ended;
    const count = moments.length;
    await new Promise((resolve) => setTimeout(resolve, 400));
    return { moments, after: moments.length - count };
  });
  expect(found.after).toBe(0);
  const { moments } = found;
  for (const moment of moments.slice(1)) {
    expect([...moment.tracks].sort()).toEqual([1, 2]);
    expect(moment.emotions).toEqual(["happy", "happy"]);
    expect(moment.ms).toBeGreaterThan(0);
  }
  moments.slice(1).forEach((moment, n) => {
    expect(moment.time).toBeGreaterThan(moments[n].time);
    expect(moment.frame).toBe(moments[n].frame + 1);
  });
});

test("two videos are read at once, each with persons of its own", async () => {
  const tracks = await page.evaluate(async () => {
    const seen = [new Set<number>(), new Set<number>()];
    const watches = seen.map((set) =>
      window.mien.watch(window.video, ({ faces }) => [...faces].forEach(({ track }) => set.add(track!))),
    );
    while (seen.some((set) => set.size < 2)) await new Promise((resolve) => setTimeout(resolve, 50));
    watches.forEach((watch) => watch.stop());
    return seen.map((set) => [...set].sort());
  });
  expect(tracks).toEqual([
    [1, 2],
    [1, 2],
  ]);
});

test("what cannot be watched is refused", async () => {
  const messages = await page.evaluate(() => {
    const attempts = [
      (): unknown => window.mien.watch("video" as never, () => undefined),
      (): unknown => window.mien.watch(window.video, null as never),
      (): unknown => window.mien.watch(window.video, () => undefined, { smoothing: -1 }),
    ];
    return attempts.map((attempt) => {
      try {
        attempt();
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    });
  });
  expect(messages[0]).toMatch(/expected a <video> element/);
  expect(messages[1]).toMatch(/expected a function/);
  expect(messages[2]).toMatch(/seconds from 0, got -1/);
});

test("reading ends with the reader", async () => {
  const ended = await page.evaluate(async () => {
    const watch = window.mien.watch(window.video, () => undefined);
    window.mien.close();
    await watch.ended;
    return true;
  });
  expect(ended).toBe(true);
});
