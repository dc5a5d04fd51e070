/** The options of `load`, `predict` and `watch`, checked. */

import { checkName, checkNumber, describeValue, InputError } from "./errors";
import { MODELS } from "./files";
import { DETECTORS, type DetectorName, type ReadOptions, type TrackingOptions } from "./protocol";
import { VOICE_HEADS } from "./voice/heads";
import type { VoiceOptions } from "./voice/voices";

/** A model file: an address, or its content. */
export type ModelFile = string | URL | Blob | ArrayBuffer | Uint8Array;

/** How faces are read; `load`, `predict` and `watch` take these, the later ones before the earlier. */
export interface FaceOptions {
  /** Which of the bundle's heads is used: "ferplus" (8 emotions, from votes) or "fer2013" (7). Default: the bundle's. */
  labels?: string | null;
  /** "mien-face", or "whole": each picture is one face. Default "mien-face". */
  detector?: DetectorName;
  /** Longer side, in pixels, of the picture in which faces are detected. Default 640. */
  size?: number;
  /** Least score of a face, 0 to 1. Default: the detector's own. */
  threshold?: number | null;
  /** Leave out faces whose box is narrower or lower than this, in pixels. Default 0. */
  minFace?: number;
  /** Report "uncertain" if the emotion's probability is below this. Default 0. */
  minConfidence?: number;
  /** Average each face with its mirror image: slightly more accurate, twice the time. Default false. */
  flip?: boolean;
}

/** The options of `load`. */
export interface LoadOptions extends FaceOptions {
  /** A released model ("mien-nano", "mien"), or a bundle of your own: an address or its content. Default "mien-nano". */
  model?: ModelFile;
  /** mien's face detector from elsewhere than the package's folder, or null to load none. */
  finder?: ModelFile | null;
  /** The runtime's WebAssembly from elsewhere than the package's folder. */
  runtime?: string | URL;
  /** Threads; more than one needs a page that is isolated from other origins. Default 1. */
  threads?: number;
}

/** The options of `watch`; `size` is 320 there by default, for 30 frames a second on one thread. */
export interface WatchOptions extends FaceOptions {
  /** Seconds over which a person's probabilities are averaged. Default 0.2. */
  smoothing?: number;
  /** Probability by which another emotion must be likelier before it replaces the reported one. Default 0.1. */
  margin?: number;
  /** Most seconds that a person may be out of sight and keep the number. Default 2. */
  maxGap?: number;
  /** Also search large frames for small faces, which takes up to four times as long. Default false. */
  smallFaces?: boolean;
}

const READ: ReadOptions = {
  labels: null,
  detector: "mien-face",
  size: 640,
  threshold: null,
  minFace: 0,
  minConfidence: 0,
  flip: false,
  fineLook: "needed",
};

const WATCH_SIZE = 320;

const FACE_NAMES = ["labels", "detector", "size", "threshold", "minFace", "minConfidence", "flip"];
const LOAD_NAMES = [...FACE_NAMES, "model", "finder", "runtime", "threads"];
const WATCH_NAMES = [...FACE_NAMES, "smoothing", "margin", "maxGap", "smallFaces"];

/** Return the options of reading faces, checked: `given` before `before` before the defaults. */
export function readOptions(given: FaceOptions, before: FaceOptions = {}): ReadOptions {
  checkNames(given, FACE_NAMES);
  const pick = Object.fromEntries(
    FACE_NAMES.map((name) => {
      const values = given as Record<string, unknown>;
      const value = values[name] ?? (before as Record<string, unknown>)[name];
      return [name, value ?? READ[name as keyof ReadOptions]];
    }),
  );
  const options = { ...READ, ...pick };
  if (options.labels !== null && typeof options.labels !== "string") {
    throw new InputError(`labels: expected the name of a head, got ${describeValue(options.labels)}`);
  }
  checkName("detector", options.detector, DETECTORS);
  checkNumber("size", options.size, 32, 8192, "pixels from 32 to 8192");
  if (options.threshold !== null) checkNumber("threshold", options.threshold, 0.001, 0.999, "a number between 0 and 1");
  checkNumber("minFace", options.minFace, 0, Infinity, "a number of pixels from 0");
  checkNumber("minConfidence", options.minConfidence, 0, 1, "a probability from 0 to 1");
  if (typeof options.flip !== "boolean") {
    throw new InputError(`flip: expected true or false, got ${describeValue(options.flip)}`);
  }
  return options;
}

/** Return the options of `watch` that are of reading and of tracking, checked. */
export function watchOptions(given: WatchOptions, before: FaceOptions): [ReadOptions, TrackingOptions] {
  checkNames(given, WATCH_NAMES);
  const { smoothing = 0.2, margin = 0.1, maxGap = 2, smallFaces = false, ...faces } = given;
  checkNumber("smoothing", smoothing, 0, 1e6, "seconds from 0");
  checkNumber("margin", margin, 0, 0.999, "a probability from 0 and below 1");
  checkNumber("maxGap", maxGap, 0, 1e6, "seconds from 0");
  const options = readOptions(faces, { ...before, size: before.size ?? WATCH_SIZE });
  return [
    { ...options, fineLook: smallFaces ? "needed" : "never" },
    { smoothing, margin, maxGap },
  ];
}

/** Return the options of `hear` and `listen`, checked. */
export function voiceOptions(given: VoiceOptions, window: number): Required<VoiceOptions> {
  checkNames(given, ["head", "hop"]);
  const { head = "votes", hop = 1 } = given;
  checkName("head", head, VOICE_HEADS);
  checkNumber("hop", hop, 0.1, window, `seconds from 0.1 to ${window}`);
  return { head, hop };
}

/** Return the options of `load`, checked, with the files as addresses or contents. */
export async function loadOptions(given: LoadOptions): Promise<{
  model: string | ArrayBuffer;
  modelName: string;
  finder: ModelFile | null | undefined;
  runtime: string | undefined;
  threads: number;
  faces: FaceOptions;
}> {
  checkNames(given, LOAD_NAMES);
  const { model = "mien-nano", finder, runtime, threads = 1, ...faces } = given;
  checkNumber("threads", threads, 1, 64, "a whole number from 1");
  readOptions(faces);
  const released = typeof model === "string" && model in MODELS;
  const address = released ? MODELS[model as keyof typeof MODELS]() : await addressOrContent("model", model);
  return {
    model: address,
    modelName: typeof address === "string" ? (released ? String(model) : address) : "the model",
    finder,
    runtime: runtime === undefined ? undefined : new URL(runtime, document.baseURI).href,
    threads,
    faces,
  };
}

/** Return an absolute address, or a file's content. */
export async function addressOrContent(name: string, file: ModelFile): Promise<string | ArrayBuffer> {
  if (typeof file === "string" || file instanceof URL) return new URL(file, document.baseURI).href;
  if (file instanceof Blob) return file.arrayBuffer();
  if (file instanceof ArrayBuffer) return file;
  if (file instanceof Uint8Array) return file.slice().buffer;
  throw new InputError(
    `${name}: expected ${Object.keys(MODELS).join(", ")}, an address, a Blob or an ArrayBuffer, got ${describeValue(file)}`,
  );
}

function checkNames(given: object, names: readonly string[]): void {
  if (typeof given !== "object" || given === null) {
    throw new InputError(`options: expected an object, got ${describeValue(given)}`);
  }
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) throw new InputError(`options: expected ${names.join(", ")}, got ${describeValue(name)}`);
  }
}
