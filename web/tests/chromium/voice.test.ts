import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { humming, python } from "../unit/fixtures";
import { launch, open, ROOT, serve } from "./driver";

const RATE = 12000;
const folder = mkdtempSync(join(tmpdir(), "mien-voice-"));
let site: Awaited<ReturnType<typeof serve>>;
let browser: Browser;
let page: Page;
let complaints: string[];

/** The sound as a WAV file, 16 bits, mono. */
function wav(sound: Float32Array, rate: number): Buffer {
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + 2 * sound.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(2 * rate, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(2 * sound.length, 40);
  const data = Int16Array.from(sound, (value) => Math.round(32767 * value));
  return Buffer.concat([head, Buffer.from(data.buffer)]);
}

beforeAll(async () => {
  writeFileSync(join(folder, "microphone.wav"), wav(humming(6 * 48000, 48000), 48000));
  site = await serve(ROOT);
  browser = await launch(`--use-file-for-fake-audio-capture=${join(folder, "microphone.wav")}`);
  ({ page, complaints } = await open(browser, `${site.address}web/tests/chromium/blank.html`));
  await page.evaluate(async () => {
    window.mien = await window.api.load({ finder: null, detector: "whole" });
  });
});

afterAll(async () => {
  expect(complaints).toEqual([]);
  await browser?.close();
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("the voice model is fetched when it is first wanted, and hears what Python hears", async () => {
  expect(site.asked.some((path) => path.endsWith("mien-voice.onnx"))).toBe(false);
  const voices = await page.evaluate(async (values) => {
    return window.mien.hear({ samples: Float32Array.from(values), rate: 12000 });
  }, [...humming(4.5 * RATE, RATE)]);
  expect(site.asked.some((path) => path.endsWith("mien-voice.onnx"))).toBe(true);
  expect(voices.length).toBe(python.hearing.length);
  voices.forEach((voice, n) => {
    const wanted = python.hearing[n];
    expect([voice.start, voice.end]).toEqual([wanted.start, wanted.end]);
    Object.values(voice.probabilities!).forEach((value, k) => expect(Math.abs(value - wanted.votes[k])).toBeLessThan(0.002));
    Object.values(voice.vote_shares!).forEach((value, k) => expect(Math.abs(value - wanted.shares[k])).toBeLessThan(0.002));
    expect(Math.abs(voice.strength! - wanted.strength)).toBeLessThan(0.002);
    expect(voice.emotion).toBe(Object.keys(voice.probabilities!)[wanted.votes.indexOf(Math.max(...wanted.votes))]);
  });
});

test("a file is decoded, silence has no emotion, and what is no sound is refused", async () => {
  const file = [...wav(humming(2 * 44100, 44100), 44100)];
  const found = await page.evaluate(async (content) => {
    const voices = await window.mien.hear(new Blob([Uint8Array.from(content)]));
    const silence = await window.mien.hear({ samples: new Float32Array(12000 * 3), rate: 12000 });
    const message = await window.mien.hear(new Blob(["text"])).catch((error: Error) => error.message);
    return { voices, silence, message };
  }, file);
  expect(found.voices).toHaveLength(1);
  expect(found.voices[0].end).toBeCloseTo(2, 1);
  expect(found.voices[0].emotion).not.toBeNull();
  expect(found.silence).toEqual([
    { start: 0, end: 3, emotion: null, confidence: null, vote_share: null, strength: null, loudness: -100, probabilities: null, vote_shares: null },
  ]);
  expect(found.message).toMatch(/sound this browser reads/);
});

test("a microphone is heard, window by window, until it is stopped", async () => {
  const found = await page.evaluate(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false } });
    const voices: { start: number; end: number; loudness: number }[] = [];
    let enough: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (enough = resolve));
    const listening = await window.mien.listen(
      stream,
      ({ start, end, loudness }) => {
        voices.push({ start, end, loudness });
        if (voices.length === 2) enough();
      },
      { hop: 0.5 },
    );
    await waiting;
    listening.stop();
    stream.getTracks().forEach((track) => track.stop());
    await new Promise((resolve) => setTimeout(resolve, 800));
    return voices;
  });
  expect(found.map(({ start, end }) => [start, end])).toEqual([
    [0, 3],
    [0.5, 3.5],
  ]);
  found.forEach(({ loudness }) => expect(loudness).toBeGreaterThan(-60));
});
