/** The worker: loads the models, and answers the page's requests one after the other. */

import { Bundle } from "./bundle";
import { MienFace } from "./detection/mien-face";
import { Engine, VideoEngine } from "./engine";
import { RuntimeError, toMessage } from "./errors";
import { fetchBytes, unzipped } from "./fetching";
import { readMetadata } from "./onnx";
import { decode } from "./pixels";
import type { FacesMessage, ModelInfo, Request, RequestName, Requests, Start } from "./protocol";
import { openSession, prepareRuntime } from "./session";
import { VoiceBundle } from "./voice/bundle";

let engine: Engine | null = null;
let voice: VoiceBundle | null = null;
const videos = new Map<number, VideoEngine>();

type Handlers = { [Name in RequestName]: (values: Requests[Name][0]) => Promise<Requests[Name][1]> };

const handlers: Handlers = {
  start,
  async read({ picture, source, options }) {
    const began = performance.now();
    return timed(began, await loaded().read(await decode(picture, source), options));
  },
  async open({ video, tracking }) {
    videos.set(video, new VideoEngine(loaded(), tracking));
    return null;
  },
  async frame({ video, time, picture, options }) {
    const began = performance.now();
    const analysis = videos.get(video);
    if (!analysis) throw new RuntimeError("expected a video that is being watched, got one that has been stopped");
    return timed(began, await analysis.analyze(time, await decode(picture, "frame"), options));
  },
  async end({ video }) {
    videos.delete(video);
    return null;
  },
  async voice({ file }) {
    loaded(); // the runtime is ready
    const name = typeof file === "string" ? file : "the voice model";
    voice = await VoiceBundle.open(new Uint8Array(await bytesOf(file)), name);
    const { labels, rate, window } = voice.metadata;
    return { name: voice.metadata.name, labels, rate, window };
  },
  async hear({ sound, head }) {
    if (!voice) throw new RuntimeError("expected a loaded voice model, got a request before it was loaded");
    return voice.answer(sound, head);
  },
};

async function start({ runtime, model, modelName, finder, threads }: Start): Promise<ModelInfo> {
  const files = [
    fetchBytes(runtime).then(unzipped),
    bytesOf(model),
    finder === null ? Promise.resolve(null) : bytesOf(finder),
  ] as const;
  const [wasm, network, detector] = await Promise.all(files);
  prepareRuntime(wasm, threads);
  // The detector comes first: while the other network is opened, the browser compiles what the detector has used.
  const found = detector && (await openFinder(new Uint8Array(detector), finder));
  const bundle = await Bundle.open(new Uint8Array(network), modelName);
  engine = new Engine(bundle, found);
  const { name, heads, card } = bundle.metadata;
  return {
    name,
    heads: heads.map((head) => ({ name: head.name, emotions: head.labels })),
    default: bundle.head(null).name,
    card,
  };
}

async function bytesOf(file: string | ArrayBuffer): Promise<ArrayBuffer> {
  return typeof file === "string" ? fetchBytes(file) : file;
}

async function openFinder(content: Uint8Array, file: string | ArrayBuffer | null): Promise<MienFace> {
  const name = typeof file === "string" ? "mien-face" : "the face detector";
  const found = new MienFace(await openSession(content, name, false), readMetadata(content), name);
  await found.warmUp();
  return found;
}

function loaded(): Engine {
  if (!engine) throw new RuntimeError("expected a loaded model, got a request before load() had ended");
  return engine;
}

function timed(began: number, result: FacesMessage): FacesMessage {
  return { ...result, milliseconds: performance.now() - began };
}

let last: Promise<void> = Promise.resolve();

async function answer({ id, name, values }: Request): Promise<void> {
  try {
    const result = await (handlers[name] as (values: unknown) => Promise<unknown>)(values);
    postMessage({ id, result });
  } catch (error) {
    postMessage({ id, error: toMessage(error) });
  }
}

// Threads of the runtime are workers with this very file; they have requests of their own.
if (!self.name.startsWith("em-pthread")) {
  self.onmessage = ({ data }: MessageEvent<Request>): void => {
    last = last.then(() => answer(data));
  };
}
