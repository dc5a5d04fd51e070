/** `load` and `Mien`: what pages use. */

import { Connection } from "./connection";
import { InputError } from "./errors";
import { finder as releasedFinder, runtime as releasedRuntime, startWorker, voiceModel } from "./files";
import {
  addressOrContent,
  type FaceOptions,
  type LoadOptions,
  loadOptions,
  type ModelFile,
  readOptions,
  voiceOptions,
  type WatchOptions,
  watchOptions,
} from "./options";
import type { ModelInfo } from "./protocol";
import { Faces, type Moment, picturesDocument, type PicturesDocument, type UnreadDocument } from "./results";
import { nameOf, type Source, take } from "./sources";
import type { VoiceInfo } from "./voice/bundle";
import { Hearing, Listening, type Samples, soundOf, type Voice, type VoiceOptions } from "./voice/voices";
import { Watch } from "./watch";

/**
 * Load a model and mien's face detector in a worker.
 *
 * Nothing is fetched but the package's own files, and nothing at all after this.
 *
 * @param options the model, and how faces are read; `predict` and `watch` can say otherwise.
 * @throws BundleError, InputError, RuntimeError
 */
export async function load(options: LoadOptions = {}): Promise<Mien> {
  const { model, modelName, finder, runtime, threads, faces } = await loadOptions(options);
  const detector = finder === undefined ? releasedFinder() : finder && (await addressOrContent("finder", finder));
  const connection = new Connection(startWorker());
  try {
    const start = { runtime: runtime ?? releasedRuntime(), model, modelName, finder: detector, threads };
    const info = await connection.ask("start", start);
    checkLabels(info, faces.labels);
    return new Mien(connection, info, faces);
  } catch (error) {
    connection.end();
    throw error;
  }
}

function checkLabels(info: ModelInfo, labels: string | null | undefined): void {
  if (labels === undefined || labels === null || info.heads.some(({ name }) => name === labels)) return;
  const names = info.heads.map(({ name }) => name).join(", ");
  throw new InputError(`labels: expected one of this bundle's heads (${names}), got ${JSON.stringify(labels)}`);
}

/** A loaded model. It reads pictures and videos; they never leave the page. */
export class Mien {
  private readonly watches = new Set<Watch>();
  private readonly listenings = new Set<Listening>();
  private videos = 0;
  private voice: Promise<VoiceInfo> | null = null;

  /** Use `load`. */
  constructor(
    private readonly connection: Connection,
    /** The model's name, its label sets and its card. */
    readonly model: ModelInfo,
    private readonly defaults: FaceOptions,
  ) {}

  /**
   * Read the faces of a picture, or of the frame that a video shows.
   *
   * @param source a Blob or File, an <img>, <video> or <canvas>, an ImageBitmap, ImageData or VideoFrame.
   * @param options how faces are read, where it differs from `load`; `source` names the picture in the result.
   * @returns the faces, from the largest to the smallest.
   * @throws ImageError, InputError
   */
  async predict(source: Source, options: FaceOptions & { source?: string } = {}): Promise<Faces> {
    const { source: name = nameOf(source), ...faces } = options;
    const read = readOptions(faces, this.defaults);
    checkLabels(this.model, read.labels);
    const { picture, moved } = await take(source);
    const found = await this.connection.ask("read", { picture, source: name, options: read }, moved);
    return new Faces(name, found.width, found.height, found.labels, found.faces);
  }

  /**
   * Read a playing video or camera as fast as its frames come; frames that come while the worker is busy are left out.
   *
   * @param video a <video> that plays: a file, or a camera's stream.
   * @param onMoment called with the faces of each frame that was read.
   * @param options how faces are read and followed.
   * @returns what stops it.
   */
  watch(video: HTMLVideoElement, onMoment: (moment: Moment) => void, options: WatchOptions = {}): Watch {
    if (!(video instanceof HTMLVideoElement)) {
      throw new InputError("video: expected a <video> element, got something else");
    }
    if (typeof onMoment !== "function") throw new InputError("onMoment: expected a function, got something else");
    const [read, tracking] = watchOptions(options, this.defaults);
    checkLabels(this.model, read.labels);
    this.videos += 1;
    const watch = new Watch(this.connection, this.videos, video, onMoment, read, tracking);
    this.watches.add(watch);
    void watch.ended.then(() => this.watches.delete(watch));
    return watch;
  }

  /**
   * Load the voice model, which `hear` and `listen` otherwise do when they are first called.
   *
   * @param model a voice bundle of your own: an address or its content. Default: the released one.
   * @returns its labels, its rate in samples a second, and the seconds of its window.
   * @throws BundleError, RuntimeError
   */
  loadVoice(model?: ModelFile): Promise<VoiceInfo> {
    if (model !== undefined) this.voice = null;
    this.voice ??= (async () => {
      const file = model === undefined ? voiceModel() : await addressOrContent("model", model);
      return this.connection.ask("voice", { file });
    })();
    this.voice.catch(() => (this.voice = null)); // it may be asked for again
    return this.voice;
  }

  /**
   * Hear the voice in a sound, window by window. No speech detector runs here: noise is heard as if it were speech.
   *
   * @param source a file with sound, an AudioBuffer, or `{ samples, rate }`.
   * @throws InputError, BundleError, RuntimeError
   */
  async hear(source: Blob | AudioBuffer | Samples, options: VoiceOptions = {}): Promise<Voice[]> {
    const info = await this.loadVoice();
    const { head, hop } = voiceOptions(options, info.window);
    const hearing = new Hearing(this.connection, info, head, hop);
    const voices = await hearing.add(await soundOf(source, info.rate));
    return [...voices, ...(await hearing.end())];
  }

  /**
   * Listen to a microphone, or any stream with sound.
   *
   * @param stream from `navigator.mediaDevices.getUserMedia({ audio: true })`.
   * @param onVoice called with what is heard in each window of some seconds.
   * @param onError called where listening ends by an error.
   * @throws InputError, CameraError, BundleError, RuntimeError
   */
  async listen(
    stream: MediaStream,
    onVoice: (voice: Voice) => void,
    options: VoiceOptions = {},
    onError: (error: unknown) => void = (error) => console.error(error),
  ): Promise<Listening> {
    const info = await this.loadVoice();
    const { head, hop } = voiceOptions(options, info.window);
    const hearing = new Hearing(this.connection, info, head, hop);
    const listening = await Listening.start(stream, hearing, info.rate, onVoice, onError);
    this.listenings.add(listening);
    return listening;
  }

  /** Return the JSON document of several pictures, the same as `mien predict --json`. */
  document(results: Iterable<Faces>, errors: Iterable<UnreadDocument> = []): PicturesDocument {
    const pictures = [...results];
    const name = pictures[0]?.labels ?? this.defaults.labels ?? this.model.default;
    const head = this.model.heads.find((one) => one.name === name);
    return picturesDocument(this.model.name, { name, emotions: head?.emotions ?? [] }, pictures, errors);
  }

  /** Stop all that runs, and free the worker and its memory. */
  close(): void {
    for (const watch of this.watches) watch.stop();
    for (const listening of this.listenings) listening.stop();
    this.connection.end();
  }
}
