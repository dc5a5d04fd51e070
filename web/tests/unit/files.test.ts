import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { parseMetadata } from "../../src/bundle";
import { BundleError, describeValue, fromMessage, ImageError, InputError, toMessage } from "../../src/errors";
import { unzipped } from "../../src/fetching";
import { readMetadata } from "../../src/onnx";
import { loadOptions, readOptions, watchOptions } from "../../src/options";
import { Faces, picturesDocument } from "../../src/results";
import { uncertaintyOf } from "../../src/uncertainty";
import { parseVoice } from "../../src/voice/bundle";
import { python } from "./fixtures";

const nano = new Uint8Array(readFileSync(new URL("../../../src/mien/bundles/mien-nano.onnx", import.meta.url)));

test("a released bundle's labels, input and calibration are what Python reads", () => {
  const { name, heads, input, card } = parseMetadata(readMetadata(nano), "nano");
  expect(name).toBe(python.nano.name);
  expect(input).toEqual({ size: python.nano.size, mean: python.nano.mean, std: python.nano.std });
  expect(
    heads.map((head) => ({
      name: head.name,
      labels: head.labels,
      temperature: head.temperature,
      share_temperature: head.shareTemperature,
      coverages: head.uncertainty?.coverages,
    })),
  ).toEqual(
    python.nano.heads.map(({ uncertainty, ...head }) => ({ ...head, coverages: uncertainty?.coverages })),
  );
  expect(Object.keys(card).length).toBeGreaterThan(3);
});

test("what is no ONNX file, or cut short, is said so", () => {
  expect(() => readMetadata(new TextEncoder().encode("<!doctype html>"))).toThrow(BundleError);
  expect(() => readMetadata(nano.subarray(0, 4000))).toThrow(/cut short/);
  expect(() => readMetadata(new Uint8Array(0))).toThrow(BundleError);
});

test.each([
  [null, /no metadata of mien's/],
  ["{", /damaged/],
  ["{}", /damaged/],
  ['{"format_version": 99}', /Use a newer mien/],
  ['{"format_version": 1, "kind": "voice"}', /kind voice/],
  [metadata({ heads: [] }), /damaged/],
  [metadata({ input: { size: 43, mean: 1, std: 1 } }), /even number from 8 to 48/],
  [metadata({ heads: [{ name: "a", labels: ["x"], temperature: 0, share_temperature: null }] }), /temperature 0/],
])("metadata %s are refused", (text, message) => {
  expect(() => parseMetadata(text, "file.onnx")).toThrow(message);
});

function metadata(other: object): string {
  const head = { name: "a", labels: ["x", "y"], temperature: 1, share_temperature: null };
  return JSON.stringify({
    format_version: 1,
    name: "n",
    heads: [head],
    input: { size: 44, mean: 1, std: 2 },
    card: {},
    ...other,
  });
}

test("sets of emotions and numbers of votes are Python's", () => {
  const head = parseMetadata(readMetadata(nano), "nano").heads.find(({ name }) => name === "ferplus")!;
  const known = head.uncertainty;
  python.calibration.probabilities.forEach((values, row) => {
    const found = uncertaintyOf(head.labels, values, values.indexOf(Math.max(...values)), known, values, known);
    expect(found.emotion_set).toEqual(python.uncertain[row].set);
    for (const [name, wanted] of Object.entries(python.uncertain[row].numbers)) {
      const { value, low, high } = found[name as "valence"]!;
      [value, low, high].forEach((number, k) => expect(number).toBeCloseTo(wanted[k], 5));
    }
  });
  expect(uncertaintyOf(["good", "bad"], [0.9, 0.1], 0, null, [0.9, 0.1], known)).toEqual({});
});

test("a voice bundle is read, and no other bundle for one", () => {
  const file = new URL("../../../src/mien/bundles/voice/mien-voice.onnx", import.meta.url);
  const { rate, window, labels, heads } = parseVoice(readMetadata(new Uint8Array(readFileSync(file))), "voice");
  expect([rate, window, labels.emotions.length]).toEqual([12000, 3, 6]);
  expect(heads.votes.factors).toHaveLength(6);
  expect(() => parseVoice(readMetadata(nano), "nano")).toThrow(/expected a voice bundle, got one of another kind/);
  expect(() => parseVoice('{"kind": "voice"}', "x")).toThrow(/damaged/);
});

test("a bundle with heads of its own needs nothing else", () => {
  const own = { name: "mood", labels: ["good", "bad"], temperature: 1.5, share_temperature: null };
  const { heads } = parseMetadata(metadata({ heads: [own] }), "own.onnx");
  expect(heads).toEqual([{ name: "mood", labels: ["good", "bad"], temperature: 1.5, shareTemperature: null, uncertainty: null }]);
});

test("a packed runtime is unpacked, one that is unpacked already is left", async () => {
  const content = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
  const packed = new Uint8Array(gzipSync(content));
  expect(new Uint8Array(await unzipped(packed.slice().buffer))).toEqual(content);
  expect(new Uint8Array(await unzipped(content.slice().buffer))).toEqual(content);
});

test("options are checked, and the later ones count", () => {
  expect(readOptions({ size: 320 }, { size: 480, flip: true })).toMatchObject({ size: 320, flip: true });
  expect(readOptions({}).detector).toBe("mien-face");
  expect(() => readOptions({ size: 3 })).toThrow("size: expected pixels from 32 to 8192, got 3");
  expect(() => readOptions({ minConfidence: 70 })).toThrow(/probability from 0 to 1, got 70/);
  expect(() => readOptions({ detector: "yunet" as never })).toThrow(/mien-face, whole, got "yunet"/);
  expect(() => readOptions({ treshold: 0.3 } as never)).toThrow(/expected labels, detector,.* got "treshold"/);
  expect(() => watchOptions({ margin: 1 }, {})).toThrow(InputError);
});

test("a model that is none is refused", async () => {
  await expect(loadOptions({ model: 7 as never })).rejects.toThrow(/mien-nano, mien, an address.* got 7/);
  await expect(loadOptions({ threads: 0 })).rejects.toThrow(/threads/);
});

test("errors keep their kind on the way from the worker", () => {
  const error = fromMessage(toMessage(new ImageError("a.png: expected a picture")));
  expect(error).toBeInstanceOf(ImageError);
  expect(error.message).toBe("a.png: expected a picture");
  expect(fromMessage(toMessage(new TypeError("x is undefined"))).message).toMatch(/TypeError: x is undefined/);
  expect(describeValue({})).toBe("an object of type Object");
});

test("documents are those of Python", () => {
  const face = {
    box: [12.25, 3.04, 50, 60] as [number, number, number, number],
    score: 0.123456,
    landmarks: null,
    emotion: "happy",
    confidence: 0.987654,
    vote_share: null,
    probabilities: { happy: 0.987654, sad: 0.012346 },
    track: null,
  };
  const faces = new Faces("a.jpg", 100, 80, "mood", [face]);
  expect([...faces]).toEqual([face]);
  expect(faces.length).toBe(1);
  const document = picturesDocument("own", { name: "mood", emotions: ["happy", "sad"] }, [faces]);
  expect(document.schema).toBe(2);
  expect(document.errors).toEqual([]);
  expect(document.images[0]).toEqual({
    source: "a.jpg",
    width: 100,
    height: 80,
    labels: "mood",
    faces: [
      { ...face, box: [12.2, 3, 50, 60], score: 0.1235, confidence: 0.9877, probabilities: { happy: 0.9877, sad: 0.0123 } },
    ],
  });
});
